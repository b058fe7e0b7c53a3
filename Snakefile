# specnb on many machines: each rule is one command of specnb. Needs pip install "specnb[cluster]".
#
#   snakemake -j2 labels --config spectra=survey.h5 output=labels.parquet shards=16
#   snakemake -j2 sweep --config notebook=12_your_own_survey points="-p lambdas=[0.0],[0.01] -p seeds=[1],[2],[3]"
#   snakemake -j2 papers --config profile=demo
#
# `-n` shows the jobs and runs none. After an interruption the same command goes on. What is finished
# is known to specnb itself and is not computed again; the empty files in DONE only tell Snakemake which
# jobs have ended. A killed Snakemake leaves a lock: add `--unlock` to the same command once.

import shlex
import subprocess

SHARDS = int(config.get("shards", 16))
OUTPUT = config.get("output", "labels.ecsv")
SPECTRA = config.get("spectra", [])  # a file or folder, or a list of some
SPECTRA = [SPECTRA] if isinstance(SPECTRA, str) else SPECTRA
PROFILE = config.get("profile", "demo")
RUNS = config.get("runs", "sweep")  # folder of the runs of a sweep
FIGURES = config.get("figures", "paper_figures")
DONE = ".snakemake/specnb"


LABEL = ["specnb", "label", *SPECTRA, "-o", OUTPUT, *shlex.split(config.get("options", ""))]


localrules: targets, stars, papers


rule targets:  # without a target: says which there are, in the lines above
    params:
        file=lambda wildcards: shlex.quote(workflow.snakefile),
    shell:
        "sed '/^#/!q' {params.file}"


def spectra(wildcards):
    """The files of spectra, which only labels need."""
    if not SPECTRA:
        raise WorkflowError("no spectra are given: add --config spectra=FILE")
    return SPECTRA


def listed(*command):
    """The lines that a command of specnb prints."""
    done = subprocess.run(["specnb", *command], capture_output=True, text=True)
    if done.returncode:
        raise WorkflowError(done.stderr.strip())
    return done.stdout.splitlines()


rule shard:  # labels its share of the stars; the exit code 3 says that bad files were left out
    input:
        spectra,
    output:
        temp(touch(f"{DONE}/labels-{{shard}}-of-{SHARDS}")),
    params:
        command=lambda wildcards: shlex.join(LABEL),
    resources:
        mem_mb=2000,
    shell:
        f"{{params.command}} --shard {{wildcards.shard}}/{SHARDS} --jobs {{threads}} || [ $? -eq 3 ]"


rule labels:  # joins the shards
    input:
        spectra,
        expand(f"{DONE}/labels-{{shard}}-of-{SHARDS}", shard=range(1, SHARDS + 1)),
    output:
        OUTPUT,
    params:
        command=lambda wildcards: shlex.join(LABEL),
    shell:
        "{params.command} || [ $? -eq 3 ]"


rule stars:  # fetches real stars before the runs, which would not be fresh if the stars changed
    output:
        temp(touch(f"{DONE}/stars")),
    shell:
        "specnb data stars"


# Each point of a sweep is a command that `specnb sweep --list` prints.
SWEEP = ["sweep", str(config.get("notebook")), *shlex.split(config.get("points", ""))]
SWEEP += ["--output", RUNS]
POINTS = listed(*SWEEP, "--list") if "notebook" in config else []


rule point:
    input:
        rules.stars.output,
    output:
        temp(touch(f"{DONE}/point-{{number}}")),
    params:
        command=lambda wildcards: POINTS[int(wildcards.number)],
    shell:
        "{params.command}"


rule sweep:  # finds all points fresh, and writes their table and figure
    input:
        expand(f"{DONE}/point-{{number}}", number=range(len(POINTS))),
    params:
        command=shlex.join(["specnb", *SWEEP]),
    shell:
        "{params.command}"


rule paper:  # runs one notebook, unless its results are fresh
    input:
        rules.stars.output,
    output:
        temp(touch(f"{DONE}/paper-{{notebook}}")),
    shell:
        f"specnb paper --profile {PROFILE} --only {{wildcards.notebook}} --output {FIGURES}"


rule papers:
    input:
        expand(f"{DONE}/paper-{{name}}", name=glob_wildcards("notebooks/{name,[0-9]+_.*}.ipynb").name),
