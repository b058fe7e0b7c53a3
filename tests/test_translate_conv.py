from types import SimpleNamespace

import pytest
import torch

from specnb.emulator.step import pushed
from specnb.translate.config import PAPER
from specnb.translate.conv import KERNEL, Convolutions, layout

LENGTHS = (1, 60, 800, 7167, 7214)


def networks(n_pix=800, shared=5, split=2, critic_latents=True, seed=1):
    torch.manual_seed(seed)
    return Convolutions(
        SimpleNamespace(shared=shared, split=split, critic_latents=critic_latents), n_pix
    )


def spectra(n_pix=800, n=3, seed=2):
    return torch.randn(n, n_pix, generator=torch.Generator().manual_seed(seed))


def judge(net, domain, *tensors):
    return net.judge({domain: tensors})[0]


def gradients(module):
    """Largest gradient of each parameter, 0 where there is none."""
    return [0.0 if p.grad is None else p.grad.abs().max().item() for p in module.parameters()]


def inverted(length, strides):
    """Length after the convolutions, and length after the transposed convolutions."""
    back = positions = torch.empty(1, 1, length, device="meta")
    for stride in strides:
        back = positions = torch.nn.Conv1d(1, 1, KERNEL, stride, device="meta")(positions)
    for stride in strides[::-1]:
        back = torch.nn.ConvTranspose1d(1, 1, KERNEL, stride, device="meta")(back)
    return positions.shape[-1], back.shape[-1]


@pytest.mark.parametrize("n_pix", LENGTHS + (1280, 3070, 3071, 3072, 8575))
def test_the_length_is_the_next_that_the_layers_invert(n_pix):
    strides, positions, length = layout(n_pix)
    assert inverted(length, strides) == (positions, length)
    assert positions >= 8
    assert length >= n_pix
    if positions > 8:
        assert not any(inverted(n, strides)[1] == n for n in range(n_pix, length))


def test_the_paper_s_lengths_stay_as_they_are():
    assert layout(7167) == ((4, 4, 4, 2, 2), 24, 7167)  # 600 numbers in 25 channels
    assert layout(7214) == ((4, 4, 4, 2, 2), 25, 7423)
    for length in range(3071, 9000, 256):  # 255 mod 256
        assert layout(length)[2] == length
    assert layout(3070)[0] == layout(3071)[0] == (4, 4, 4, 2, 2)
    assert layout(3071 - 256)[0] == (4, 4, 2, 2, 2)  # 7 positions are too few


def test_as_large_as_the_published_networks():
    n = sum(p.numel() for p in Convolutions(PAPER, 7167).parameters())
    assert n == pytest.approx(3.68e6, rel=0.04)


@pytest.mark.parametrize("n_pix", LENGTHS)
def test_shapes(n_pix):
    net, x = networks(n_pix), spectra(n_pix)
    positions = layout(n_pix)[1]
    with torch.no_grad():
        z_shared, z_split = net.encode_observed(x)
        assert z_shared.shape == net.encode_synthetic(x).shape == (3, 5, positions)
        assert z_split.shape == (3, 2, positions)
        assert (
            net.decode_synthetic(z_shared).shape
            == net.decode_observed(z_shared, z_split).shape
            == (3, n_pix)
        )
        assert (
            judge(net, "synthetic", x, z_shared).shape
            == judge(net, "observed", x, z_shared, z_split).shape
            == (3,)
        )


@pytest.mark.parametrize("n_pix", [800, 7214])
def test_no_pixel_is_lost(n_pix):
    net, x = networks(n_pix, critic_latents=False), spectra(n_pix, n=2).requires_grad_()
    z_shared, z_split = net.encode_observed(x)
    seen = [
        *(
            torch.autograd.grad((z * torch.randn_like(z)).sum(), x, retain_graph=True)[0]
            for z in (z_shared, z_split)
        ),
        torch.autograd.grad(judge(net, "observed", x, z_shared, z_split).sum(), x)[0],
    ]
    assert all((gradient != 0).all() for gradient in seen)


def test_spectra_are_extended_by_their_mirror_image():
    net, x = networks(800), spectra(800)
    extended = net._extended(x)[:, 0]
    assert extended.shape == (3, 815)
    assert torch.equal(extended[:, 7:807], x)
    assert torch.equal(extended[:, :7], x[:, 1:8].flip(1))
    assert torch.equal(extended[:, 807:], x[:, -9:-1].flip(1))
    assert torch.equal(net._cut(extended[:, None]), x)
    # The spectrum is reflected several times
    assert (networks(5)._extended(spectra(5)).std(dim=-1) > 0).all()


def test_each_channel_of_z_shared_is_normalised():
    net, x = networks(7167), spectra(7167)
    for z in (net.encode_synthetic(x), net.encode_observed(x)[0]):
        assert z.mean(dim=-1).abs().max() < 1e-5
        torch.testing.assert_close(z.var(dim=-1, correction=0), torch.ones(3, 5), rtol=1e-2, atol=0)
        assert z.std(dim=0).min() > 0  # yet spectra differ
    assert net.encode_observed(x)[1].mean(dim=-1).abs().min() > 1e-4  # z_split is free


def test_a_spectrum_does_not_see_its_neighbours():
    net, x = networks(), spectra()
    with torch.no_grad():
        alone, together = net.encode_observed(x[:1]), net.encode_observed(x)
        for one, all_ in zip(alone, together):
            torch.testing.assert_close(one, all_[:1])
        torch.testing.assert_close(net.decode_observed(*alone), net.decode_observed(*together)[:1])


def test_without_z_split():
    net, x = networks(split=0), spectra()
    z_shared, z_split = net.encode_observed(x)
    assert z_split.shape[:2] == (3, 0)
    assert net.decode_observed(z_shared, z_split).shape == (3, 800)
    assert judge(net, "observed", x, z_shared, z_split).shape == (3,)
    assert not any("split" in name for name, _ in net.named_parameters())


def test_z_split_reaches_observed_spectra_alone():
    net, x = networks(), spectra()
    with torch.no_grad():
        z_shared, z_split = net.encode_observed(x)
        assert (
            net.decode_observed(z_shared, z_split) != net.decode_observed(z_shared, z_split + 1)
        ).all()


@pytest.mark.parametrize("critic_latents", [True, False])
def test_critics_see_latents_only_if_told(critic_latents):
    net, x = networks(critic_latents=critic_latents), spectra()
    with torch.no_grad():
        z_shared, z_split = net.encode_observed(x)
        verdict = judge(net, "observed", x, z_shared, z_split)
        others = {
            "z_shared": judge(net, "observed", x, -z_shared, z_split),
            "z_split": judge(net, "observed", x, z_shared, -z_split),
        }
        assert (judge(net, "observed", -x, z_shared, z_split) != verdict).all()
        assert (judge(net, "synthetic", -x, z_shared) != judge(net, "synthetic", x, z_shared)).all()
        for other in others.values():
            assert (other != verdict).all() if critic_latents else torch.equal(other, verdict)
        synthetic = judge(net, "synthetic", x, z_shared), judge(net, "synthetic", x, -z_shared)
        assert (synthetic[0] != synthetic[1]).all() if critic_latents else torch.equal(*synthetic)


@pytest.mark.parametrize("critic_latents", [True, False])
def test_a_verdict_reaches_the_encoder(critic_latents):
    net, x = networks(critic_latents=critic_latents), spectra()
    z_split = net.encode_observed(x)[1].detach()
    z_shared = net.encode_synthetic(x)
    judge(
        net, "observed", net.decode_observed(z_shared, z_split), z_shared, z_split
    ).sum().backward()
    assert min(gradients(net.synthetic_encoder) + gradients(net.observed_decoder)) > 0
    shared = dict(net.shared_encoder.named_parameters())
    # The bias is a constant, which the normalisation removes
    last = next(name for name in shared if shared[name].shape == (5,))
    assert all(p.grad.abs().max() > 0 for name, p in shared.items() if name != last)
    assert min(gradients(net.critics["observed"])) > 0
    assert max(gradients(net.observed_encoder) + gradients(net.critics["synthetic"])) == 0


def test_generator_and_critics_are_apart():
    net, x = networks(), spectra()
    z_shared, z_split = (z.detach() for z in net.encode_observed(x))
    (
        judge(net, "observed", x, z_shared, z_split) + judge(net, "synthetic", x, z_shared)
    ).sum().backward()
    judges = {id(p) for p in net.critics.parameters()}
    assert len(net.critics) == 2
    assert min(gradients(net.critics)) > 0
    assert all(p.grad is None for p in net.parameters() if id(p) not in judges)


def test_the_seed_decides_the_weights():
    states = [networks(seed=seed).state_dict() for seed in (1, 1, 2)]
    same, other = (
        [torch.equal(states[0][k], state[k]) for k in states[0] if k.endswith("weight")]
        for state in states[1:]
    )
    assert all(same)
    assert not any(other)
    assert all((states[0][k] == 0).all() for k in states[0] if k.endswith("bias"))
    assert not any("mirrored" in name for name in states[0])  # the checkpoint holds weights alone


def test_weights_move_to_another_instance():
    net, twin, x = networks(seed=1), networks(seed=2), spectra()
    twin.load_state_dict(net.state_dict())
    with torch.no_grad():
        assert torch.equal(
            twin.decode_observed(*twin.encode_observed(x)),
            net.decode_observed(*net.encode_observed(x)),
        )


def test_spectra_are_learnt():
    net = networks(60, shared=8, split=0)
    x = spectra(60, n=4)
    optimiser = torch.optim.Adam(net.parameters(), 3e-3)
    losses = []
    for _ in range(40):
        loss = (net.decode_synthetic(net.encode_synthetic(x)) - x).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]


def test_translation_has_an_exact_forward_derivative():
    """Fits need all tangents at once, through padding, normalisation and both convolutions."""
    net, x = networks(60).double(), spectra(60).double()
    with torch.no_grad():
        z_split = net.encode_observed(x)[1]
    directions = spectra(60, n=4, seed=5).double()

    def translated(labels):
        return net.decode_observed(net.encode_synthetic(x + labels @ directions), z_split)

    labels = torch.full((3, 4), 0.1, dtype=torch.float64)
    unit = torch.eye(4, dtype=torch.float64).expand(3, 4, 4)
    flux, jacobian = pushed(translated, (labels,), (unit,))
    assert torch.equal(flux, translated(labels))
    step = torch.zeros(3, 4, dtype=torch.float64)
    step[:, 2] = 1e-8  # so small that no activation changes its sign
    difference = (translated(labels + step) - translated(labels - step)) / 2e-8
    torch.testing.assert_close(jacobian[:, 2], difference, rtol=1e-4, atol=1e-7)
