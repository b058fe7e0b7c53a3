"""The command ``specnb verify``: compare results with expected values."""

import json
import sys
from contextlib import redirect_stdout

import click

from specnb.commands.notebooks import FOLDER, all_notebooks, chosen_notebooks, run_profile
from specnb.core.paths import ARTIFACTS, ROOT
from specnb.reproduce.parameters import PROFILES

COMMITTED = {"demo": ROOT / "paper_figures", "paper": ROOT / "paper_figures_full"}


@click.command()
@click.argument("notebooks", nargs=-1, metavar="[NOTEBOOK]...")
@click.option(
    "--profile",
    type=click.Choice(PROFILES),
    default="demo",
    help="Size of the run (default: demo).",
)
@click.option("--read", is_flag=True, help="Run nothing; read results that are there.")
@click.option(
    "--output",
    type=FOLDER,
    help="Folder of the results (default: data/artifacts/verify/PROFILE; with --read, demo and paper "
    "are in paper_figures and paper_figures_full).",
)
@click.option("--update", is_flag=True, help="Expect what the results say from now on.")
@click.option("--older", is_flag=True, help="With --update: take whole results of older code, too.")
@click.option(
    "--exact",
    is_flag=True,
    help="All numbers but times must agree to six digits, as they do on the same processor.",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def verify(notebooks, profile, read, output, update, older, exact, as_json):
    """Compare the results of notebooks with the expected values.

    NOTEBOOK is a path, name or number; without it, all are verified. Those whose results are not
    fresh are run first. The exit code is 1 if anything differs from notebooks/expected, is missing,
    stale or an orphan, or if nothing could be compared. The page verification.html, in the folder
    of the results, also shows the published values.
    """
    from specnb.reproduce.published import side_by_side
    from specnb.reproduce.rendering import TEMPLATES, as_page, render
    from specnb.reproduce.verify import BESIDE_RESULTS, orphans, update_expected, verify_notebooks

    chosen, kept = chosen_notebooks(notebooks), ARTIFACTS / "verify" / profile
    output = output or (COMMITTED.get(profile, kept) if read else kept)
    if older and not (update and read):
        raise click.UsageError("--older goes with --update and --read")
    if read and not output.is_dir():
        raise FileNotFoundError(f"{output} is no folder of results: name that of --output")
    with redirect_stdout(sys.stderr if as_json else sys.stdout):
        if not read:
            run_profile(chosen, profile, output)
        if update:
            click.echo(f"written: {update_expected(chosen, profile, output, older)}")
    reports = verify_notebooks(chosen, profile, output, exact)
    lost = orphans(output, {*BESIDE_RESULTS, *(each.stem for each in all_notebooks() + chosen)})
    compared = any(report.verdict == "good" for report in reports)
    good = not lost and compared and not any(report.failed for report in reports)
    published = side_by_side(chosen[0].with_name("published.toml"), output)
    values = {"profile": profile, "good": good, "orphans": lost, "published": published}
    text = output / "verification.md"
    render("verification.md", text, reports=reports, **values)
    page = as_page(text, text.with_suffix(".html"))
    if as_json:
        content = values | {"notebooks": [report.as_dict() for report in reports]}
        click.echo(json.dumps(content, ensure_ascii=False, indent=1))
    else:
        click.echo(TEMPLATES.get_template("verification.txt").render(reports=reports, **values))
        click.echo(f"page: {page}")
    return 0 if good else 1
