"""A folder of results as an RO-Crate: a file from which machines learn what made what.

It follows the profile Process Run Crate: each notebook is a program, and each run of it an action with
its parameters, the files that it read and the files that it wrote, as its results.json tells them.
"""

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from specnb.core.paths import SOURCE
from specnb.core.reading import whole_file
from specnb.core.writing import replacing
from specnb.reproduce.provenance import checksum, write_json

NAME = "ro-crate-metadata.json"
PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
TERMS = "https://w3id.org/ro/terms/workflow-run/context"  # defines sha256 and resourceUsage
LICENCE = "https://creativecommons.org/licenses/by/4.0/"  # of results; the code has the MIT licence
DEVELOPERS = "specnb developers"  # as in CITATION.cff, which a wheel lacks
FORMATS = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".md": "text/markdown",
    ".npz": "application/zip",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".tex": "application/x-tex",
}


def write_crate(folder) -> Path:
    """Write ``ro-crate-metadata.json`` into a folder of results; the same bytes for the same results.

    Files that a run wrote and that are no longer there, such as PDF files in a clone, are left out.

    Parameters
    ----------
    folder : str or Path
        With a folder for each run, as ``specnb paper`` makes it.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    OSError
        If there are no results, one is damaged, or a file is not the one that its run wrote.
    """
    from rocrate.rocrate import ROCrate  # it takes long to load

    folder, studies, crate = Path(folder), {}, ROCrate(version="1.1")
    crate.metadata.extra_contexts.append(TERMS)
    for path in sorted(folder.glob("[!.]*/results.json")):
        with whole_file(path, "record of a run", "run its notebook again"):
            studies[path] = json.loads(path.read_text("utf-8"))
            made = [(path.with_name(name), sha) for name, sha in studies[path]["outputs"].items()]
            changed = [file for file, sha in made if file.exists() and checksum(file) != sha]
        if changed:
            raise OSError(
                f"{changed[0]} is not the file that its run wrote: run its notebook again"
            )
        with whole_file(path, "record of a run", "run its notebook again"):
            _add_run(crate, path.parent, studies[path])
    if not studies:
        raise FileNotFoundError(f"{folder} has no folders with results: name that of --output")
    about = {
        "name": f"Results of specnb: {folder.resolve().name}",
        "description": "Figures, tables and numbers of notebooks about two papers on stellar spectra",
        "datePublished": _date(studies),
        "license": _add(crate, LICENCE, "CreativeWork", name="CC-BY-4.0"),
        "author": _add(crate, "#developers", "Organization", name=DEVELOPERS),
        "conformsTo": _add(crate, PROFILE, "CreativeWork", name="Process Run Crate", version="0.5"),
    }
    for name, value in about.items():
        crate.root_dataset[name] = value
    with replacing(folder / NAME) as temporary:
        write_json(temporary, crate.metadata.generate())
    return folder / NAME


def _add(crate, identifier, kind, **properties):
    """Add something that is not a file of the crate; the same name again replaces it."""
    return crate.add_or_update_jsonld({"@id": identifier, "@type": kind} | properties)


def _add_run(crate, folder, study):
    """Add a run: its files, its notebook and packages, what it read, and its parameters."""
    run, code, environment = folder.name, study["code"], study["environment"]
    notebook = _add(
        crate,
        f"#{quote(run)}/notebook",
        "SoftwareApplication",
        name=study["notebook"],
        description=study["title"],
        softwareVersion=f"commit {code['commit'] or 'unknown'}{' with changes' if code['dirty'] else ''}",
        softwareRequirements=[
            _package(crate, name, version) for name, version in environment["versions"].items()
        ],
    )
    given = [
        _add(crate, f"#{quote(name)}-{sha[:16]}", "CreativeWork", name=name, sha256=sha)
        for name, sha in study["inputs"].items()
    ] + [
        _add(crate, f"#{quote(run)}/{name}", "PropertyValue", name=name, value=json.dumps(value))
        for name, value in study["parameters"].items()
    ]
    machine = f"{study['device']}, Python {environment['python']}, {environment['platform']}"
    crate.root_dataset.append_to(
        "mentions",
        _add(
            crate,
            f"#{quote(run)}/run",
            "CreateAction",
            name=f"Run of {study['notebook']}",
            description=f"Profile {study['profile']} on {machine}",
            instrument=notebook,
            object=given,
            result=_files(crate, folder, study),
            actionStatus="http://schema.org/CompletedActionStatus",
            resourceUsage=_add(
                crate,
                f"#{quote(run)}/wall_time",
                "PropertyValue",
                name="wall time",
                value=study["wall_time_s"],
                unitText="s",
            ),
        ),
    )


def _package(crate, name, version):
    """Add a Python package; PyPI has no page for a local version such as 2.13.0+cpu."""
    page = f"https://pypi.org/project/{name}/{version.partition('+')[0]}/"
    return _add(
        crate,
        f"{page}#{quote(version)}",
        "SoftwareApplication",
        name=name,
        softwareVersion=version,
        url=page,
    )


def _files(crate, folder, study):
    """Add the files that a run wrote and that are still there, with their captions."""
    made = [
        each for kind in ("figures", "tables", "texts") for each in study.get(kind, {}).values()
    ]
    captions = {file: each["caption"].strip() for each in made for file in each["files"]}
    outputs = study["outputs"] | {"results.json": checksum(folder / "results.json")}
    return [
        crate.add_file(
            path,
            f"{folder.name}/{name}",
            properties={
                "name": name,
                "description": captions.get(name, "Numbers, parameters, inputs and versions"),
                "encodingFormat": FORMATS.get(path.suffix, "application/octet-stream"),
                "contentSize": str(path.stat().st_size),
                "sha256": outputs[name],
            },
        )
        for name in outputs
        if (path := folder / name).is_file()
    ]


def _date(studies):
    """Day of the last commit that a run was made with, else that of the newest results."""
    commits = {str(study["code"]["commit"]) for study in studies.values()}
    try:
        command = ["git", "--git-dir=.git", "show", "--no-patch", "--format=%cs", *commits]
        done = subprocess.run(command, cwd=SOURCE, check=True, capture_output=True, text=True)
        return max(done.stdout.split())
    except (OSError, subprocess.CalledProcessError):  # no git, or not the repository of the runs
        return datetime.fromtimestamp(max(path.stat().st_mtime for path in studies), UTC).strftime(
            "%Y-%m-%d"
        )
