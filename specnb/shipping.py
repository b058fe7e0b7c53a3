"""Make the emulator that the repository ships: train it, measure it, write weights and model card."""

from pathlib import Path

from specnb.accuracy import accuracy
from specnb.emulator import WEIGHTS
from specnb.grid import RVS_GRID, load_grid
from specnb.provenance import checksum
from specnb.training import EmulatorConfig, held_out, train_emulator

CARD = """\
# Emulator `rvs`

Six stellar labels to the 800 pixels of the Gaia RVS window. Made by `specnb data emulator`; opened by
`specnb.load_emulator("rvs")`. Notebook `01_simulator_and_emulator` shows its accuracy.

| label | unit | trusted range | trained range | meaning |
| --- | --- | --- | --- | --- |
{ranges}

Conventions (solar scale, α elements, what v_micro and v_broad mean) are in `specnb/labels.py`.

- **Network**: multilayer perceptron, hidden layers {hidden}, SiLU, linear output; labels scaled to ±1.
- **Training**: {train_spectra} spectra of `data/rvs_grid.h5` (sha256 `{grid}`), {copies} draws of v_broad each; mean
  absolute error; seed {seed}; {epochs} epochs, {seconds:.0f} s on {device}.
- **Wavelength**: vacuum, bins of 0.3 Å, 8460-8700 Å; R = 11,500; flux over continuum.
- **Limits**: LTE, plane-parallel, no TiO; [Fe/H] = [M/H]; the cores of Ca II, a blend at 8504 Å and a line at 8634 Å
  are known to be wrong (`specnb.lines.UNTRUSTED_WINDOWS`). Outside the trained range it warns and extrapolates.
- **Licence**: CC-BY-4.0; cite the sources named in the attributes of `data/rvs_grid.h5`.

Absolute flux error on {n_test} held-out simulated spectra ({spectra} of the grid, {draws} draws of v_broad each), which
neither training nor any choice has seen:

| statistic | error |
| --- | --- |
{errors}
"""
STATISTICS = {
    "mean": "mean over all pixels of all spectra",
    "median": "median over the same",
    "spectra_95": "95th percentile over spectra, of the mean over wavelength",
    "pixels_95": "95th percentile over wavelength, of the mean over spectra",
    "worst_spectrum": "worst spectrum, mean over wavelength",
    "worst_pixel": "worst pixel, mean over spectra",
}
TEST_DRAWS = 4


def ship_emulator(config: EmulatorConfig = EmulatorConfig(), folder: Path = WEIGHTS) -> dict[str, float]:
    """Train the RVS emulator and write ``rvs.safetensors`` and its model card ``rvs.md``.

    Parameters
    ----------
    config : EmulatorConfig
    folder : Path

    Returns
    -------
    dict
        Accuracy on the held-out spectra, see `specnb.accuracy.accuracy`.
    """
    grid = load_grid(RVS_GRID)
    emulator = train_emulator(grid, config)
    labels, truth = held_out(grid, TEST_DRAWS)
    errors = {name: round(float(value), 6) for name, value in accuracy(emulator(labels), truth).items()}
    emulator.card |= {"held_out_error": errors, "grid_sha256": checksum(RVS_GRID)}
    emulator.save(folder / "rvs.safetensors")
    card = emulator.card
    trained = zip(emulator.network.low.tolist(), emulator.network.high.tolist())
    text = CARD.format(
        ranges="\n".join(
            f"| `{label.name}` | {label.unit} | {label.low:g} to {label.high:g} | {low:.4g} to {high:.4g} | {label.meaning} |"
            for label, (low, high) in zip(emulator.label_set, trained)
        ),
        hidden=", ".join(map(str, config.hidden)),
        grid=card["grid_sha256"][:16],
        copies=config.copies,
        seed=config.seed,
        epochs=len(card["history"]),
        device=card["device"],
        train_spectra=card["train_spectra"],
        seconds=card["seconds"],
        n_test=len(truth),
        spectra=len(truth) // TEST_DRAWS,
        draws=TEST_DRAWS,
        errors="\n".join(f"| {STATISTICS[name]} | {value:.1e} |" for name, value in errors.items()),
    )
    (folder / "rvs.md").write_text(text, encoding="utf-8")
    return errors
