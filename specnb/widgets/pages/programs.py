"""Models as small programs that the explorer in the browser runs, without a kernel.

A program is a list of instructions, each of which makes a vector of numbers from others. Those of
this module do in a browser what emulators, translators and autoencoders do here, for one star at a
time. ``browser/src/program.js`` runs them.
"""

from functools import singledispatch

from specnb.disentangle.model import Disentangler
from specnb.emulator.calibration import Calibration
from specnb.emulator.changes import DEGREE, EDGE, LabelCorrection, PixelChange
from specnb.translate.autoencoders import Perceptrons, Principal
from specnb.translate.model import Translation
from specnb.widgets.pages.program import Program


def emulator_program(emulator, arrays, name: str = "emulator") -> dict:
    """An emulator as a program: from labels to flux.

    Raises
    ------
    ValueError
        If the emulator has a step that a browser does not know.
    """
    program = Program(arrays, name, "labels")
    return program.results(flux=emulated(program, emulator))


def translator_program(emulator, translator, arrays, name: str = "translated") -> dict:
    """An emulator and a translator as a program: from labels and split (z_split) to the synthetic
    and the translated flux.

    Raises
    ------
    ValueError
        If a step or the kind of the translator cannot run in a browser.
    """
    program = Program(arrays, name, "labels", "split")
    synthetic = emulated(program, emulator)
    translated = _translated(program, translator, synthetic, "split")
    return program.results(synthetic=synthetic, translated=translated)


def encoder_program(model, arrays) -> dict:
    """The encoder of an autoencoder as a program: from flux, which is NaN where it is masked, labels
    and lambdas (λ of each label) to latents. With a bottleneck they are the means.
    """
    program = Program(arrays, "encoder", "flux", "labels", "lambdas")
    config, scales = _disentangler(model).config, model.scales
    flux = program.add("standardize", "flux", mean=scales.flux_mean, scale=scales.flux_scale)
    code = _code(program, model)
    x = program.joined(flux, *code[0 if config.labels_in_encoder else 1 :])
    out = program.layers(x, model.networks.encoder)
    if config.bottleneck:  # the other half are the log variances
        latents = program.add("select", out, columns=list(range(config.latent)))
    else:
        latents = program.add("sigmoid", out)
    return program.results(latents=latents)


def decoder_program(model, arrays) -> dict:
    """The decoder of an autoencoder as a program: from latents, labels and lambdas to flux."""
    program = Program(arrays, "decoder", "latents", "labels", "lambdas")
    scales = _disentangler(model).scales
    x = program.joined("latents", *_code(program, model))
    scaled = program.layers(x, model.networks.decoder)
    flux = program.add("affine", scaled, scale=scales.flux_scale, shift=scales.flux_mean)
    return program.results(flux=flux)


def emulated(program, emulator):
    """Add an emulator with its steps, which gives the flux."""
    network = emulator.of(None).network
    scaled = program.add(
        "scale_labels", "labels", low=network.low, high=network.high,
        logarithmic=network.logarithmic,
    )  # fmt: skip
    parts = [
        program.layers(program.add("select", scaled, columns=columns), branch)
        for branch, (columns, _) in zip(network.branches, network.shape)
    ]
    flux = program.layers(program.joined(*parts), [network.output])
    for step in network.steps:
        flux = _changed(step, program, flux)
    return flux


@singledispatch
def _changed(step, program, flux):
    """Add a step of an emulator, which changes the flux."""
    raise ValueError(
        f"the step {type(step).__name__} cannot run in the browser: give an emulator without it"
    )


@_changed.register
def _(step: Calibration, program, flux):
    return flux


@_changed.register
def _(step: PixelChange, program, flux):
    return program.add("power", flux, power=step.power, offset=step.offset)


@_changed.register
def _(step: LabelCorrection, program, flux):
    features = program.add(
        "polynomial", "labels", columns=step.columns, mean=step.mean, std=step.std, degree=DEGREE,
        edge=EDGE,
    )  # fmt: skip
    correction = program.add("linear", features, weight=step.coefficients.T, bias=None)
    return program.add("add", flux, correction)


@_changed.register
def _(step: Translation, program, flux):
    typical = program.add("constant", values=step.translator.mean_split)
    return _translated(program, step.translator, flux, typical)


def _translated(program, translator, flux, split):
    """Add a translation of the flux, see `Translator.translate_scaled`."""
    networks, config, std = translator.networks, translator.config, float(translator.std)
    parts = (split,) if config.split else ()
    x = program.add("standardize", flux, mean=translator.mean, scale=std)
    synthetic, difference = _decoded(networks, program, x, parts)
    if config.split:
        linear = program.layers(split, [networks.split_decoder])
        difference = program.add("add", difference, linear)
    change = program.add("affine", difference, scale=1.0, shift=translator.offset)
    scaled = program.add("add", x if config.residual else synthetic(), change)
    return program.add("affine", scaled, scale=std, shift=translator.mean)


@singledispatch
def _decoded(networks, program, x, split):
    """A function that adds the synthetic decoder, and the name of the difference of the decoders.

    The difference is without the linear effect of z_split.
    """
    raise ValueError(
        f"a translator of kind {networks.config.kind!r} cannot run in the browser: "
        "give one of kind 'mlp' or 'principal'"
    )


@_decoded.register
def _(networks: Perceptrons, program, x, split):
    shared = program.layers(x, [networks.synthetic_encoder, networks.shared_encoder])
    hidden = program.layers(shared, [networks.shared_decoder])
    mixed = program.layers(program.joined(hidden, *split), [networks.observed_mixer])
    difference = program.layers(mixed, [networks.observed_decoder])
    return lambda: program.layers(hidden, [networks.synthetic_decoder]), difference


@_decoded.register
def _(networks: Principal, program, x, split):
    components, scale = networks.components, networks.scale
    projected = program.add("linear", x, weight=components, bias=None)
    shared = program.add("affine", projected, scale=1.0 / scale, shift=0.0)
    linear = program.layers(shared, [networks.linear])
    both = program.layers(program.joined(shared, *split), [networks.observed_decoder])

    def synthetic():
        scaled = program.add("affine", shared, scale=scale, shift=0.0)
        spectrum = program.add("linear", scaled, weight=components.T, bias=None)
        decoded = program.layers(shared, [networks.synthetic_decoder])
        return program.add("add", spectrum, decoded)

    return synthetic, program.add("add", linear, both)


def _disentangler(model):
    """The model, if a browser can run it."""
    if not isinstance(model, Disentangler):
        raise ValueError(
            f"a {type(model).__name__} cannot run in the browser: give a model that train returns"
        )
    return model


def _code(program, model):
    """Add the scaling of labels, and of λ if the model takes λ: what encoder and decoder share."""
    scales, span = model.scales, model.config.lambda_range
    parts = [program.add("standardize", "labels", mean=scales.label_mean, scale=scales.label_std)]
    if span:
        parts.append(program.add("affine", "lambdas", scale=1.0 / span, shift=0.0))
    return parts
