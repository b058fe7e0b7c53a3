"""Write codemeta.json from pyproject.toml and CITATION.cff: call `python paper/codemeta.py` after an edit of either.

codemeta.json (https://codemeta.github.io, version 3.0) is what catalogues of software read. It says nothing that the
other two files do not say, so that there is nothing to keep in step by hand.
"""

import json
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]


def codemeta() -> dict:
    """The content of codemeta.json."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    requirements = [Requirement(text) for text in project["dependencies"]]
    return {
        "@context": "https://w3id.org/codemeta/3.0",
        "@type": "SoftwareSourceCode",
        "name": project["name"],
        "description": citation["abstract"],
        "version": project["version"],
        "license": f"https://spdx.org/licenses/{citation['license']}",
        "author": [{"@type": "Organization", "name": each["name"]} for each in citation["authors"]],
        "keywords": citation["keywords"],
        "programmingLanguage": "Python",
        "runtimePlatform": f"Python {project['requires-python']}",
        "operatingSystem": ["Linux", "macOS"],
        "applicationCategory": "Astronomy",
        "developmentStatus": "wip",
        "softwareRequirements": [
            {
                "@type": "SoftwareApplication",
                "name": each.name,
                "version": str(each.specifier),
                "url": f"https://pypi.org/project/{each.name}/",
            }
            for each in requirements
        ],
        "referencePublication": [
            {
                "@type": "ScholarlyArticle",
                "@id": f"https://doi.org/{each['doi']}" if "doi" in each else each["url"],
                "name": each["title"],
                "datePublished": str(each["year"]),
                "author": [
                    {"@type": "Person", "familyName": author["family-names"]}
                    for author in each["authors"]
                ],
            }
            for each in citation["references"]
        ],
    }


def write(path: Path = ROOT / "codemeta.json"):
    """Write the file."""
    path.write_text(json.dumps(codemeta(), indent=2, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    write()
