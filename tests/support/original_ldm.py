"""A class-conditional latent diffusion model with the tensor names of CompVis/latent-diffusion.

Written from the published description, in plain PyTorch and without diffusers: the reference for what a
converted checkpoint must compute. Only what cin256-v2 uses, at any size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

Tensor = torch.Tensor


class ResidualBlock(nn.Module):
    """Two convolutions, the time added between them."""

    def __init__(self, width: int, out: int, time_width: int) -> None:
        super().__init__()
        self.in_layers = nn.Sequential(
            nn.GroupNorm(32, width), nn.SiLU(), nn.Conv2d(width, out, 3, padding=1)
        )
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(time_width, out))
        self.out_layers = nn.Sequential(
            nn.GroupNorm(32, out), nn.SiLU(), nn.Dropout(0.0), nn.Conv2d(out, out, 3, padding=1)
        )
        self.skip_connection = nn.Identity() if width == out else nn.Conv2d(width, out, 1)

    def forward(self, x: Tensor, time: Tensor, context: Tensor) -> Tensor:
        """As every block of the network is called."""
        hidden = self.in_layers(x) + self.emb_layers(time)[:, :, None, None]
        added: Tensor = self.skip_connection(x) + self.out_layers(hidden)
        return added


class Attention(nn.Module):
    """Attention of several heads between two sequences."""

    def __init__(self, width: int, context_width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k = nn.Linear(context_width, width, bias=False)
        self.to_v = nn.Linear(context_width, width, bias=False)
        self.to_out = nn.Sequential(nn.Linear(width, width), nn.Dropout(0.0))

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """From `x` to what it finds in the context."""
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in (self.to_q(x), self.to_k(context), self.to_v(context))
        )
        scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
        mixed: Tensor = self.to_out((scores.softmax(dim=-1) @ value).transpose(1, 2).flatten(2))
        return mixed


class Gate(nn.Module):
    """A linear layer whose second half gates the first."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.proj = nn.Linear(width, 2 * out)

    def forward(self, x: Tensor) -> Tensor:
        """GEGLU."""
        value, gate = self.proj(x).chunk(2, dim=-1)
        gated: Tensor = value * functional.gelu(gate)
        return gated


class FeedForward(nn.Module):
    """A gate, and back to the width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.net = nn.Sequential(Gate(width, 4 * width), nn.Dropout(0.0), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        """Position by position."""
        out: Tensor = self.net(x)
        return out


class TransformerBlock(nn.Module):
    """To itself, to the class, and position by position."""

    def __init__(self, width: int, context_width: int, heads: int) -> None:
        super().__init__()
        self.attn1 = Attention(width, width, heads)
        self.attn2 = Attention(width, context_width, heads)
        self.ff = FeedForward(width)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """A sequence in, the same sequence changed."""
        normed = self.norm1(x)
        x = x + self.attn1(normed, normed)
        x = x + self.attn2(self.norm2(x), context)
        changed: Tensor = x + self.ff(self.norm3(x))
        return changed


class SpatialTransformer(nn.Module):
    """Attention over the places of an image."""

    def __init__(self, width: int, context_width: int, heads: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(32, width, eps=1e-6)
        self.proj_in, self.proj_out = nn.Conv2d(width, width, 1), nn.Conv2d(width, width, 1)
        self.transformer_blocks = nn.ModuleList([TransformerBlock(width, context_width, heads)])

    def forward(self, x: Tensor, time: Tensor, context: Tensor) -> Tensor:
        """As every block of the network is called."""
        hidden = self.proj_in(self.norm(x))
        sequence = hidden.flatten(2).transpose(1, 2)
        for block in self.transformer_blocks:
            sequence = block(sequence, context)
        added: Tensor = x + self.proj_out(sequence.transpose(1, 2).unflatten(2, hidden.shape[2:]))
        return added


class Halve(nn.Module):
    """Half the size."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.op = nn.Conv2d(width, width, 3, stride=2, padding=1)

    def forward(self, x: Tensor, time: Tensor, context: Tensor) -> Tensor:
        """As every block of the network is called."""
        out: Tensor = self.op(x)
        return out


class Double(nn.Module):
    """Twice the size."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor, *rest: Tensor) -> Tensor:
        """As every block of the network is called, or alone in the autoencoder."""
        out: Tensor = self.conv(functional.interpolate(x, scale_factor=2.0, mode="nearest"))
        return out


class Start(nn.Conv2d):
    """The first convolution, called as every block."""

    def forward(self, x: Tensor, *rest: Tensor) -> Tensor:
        """Time and context change nothing."""
        return super().forward(x)


class Network(nn.Module):
    """The UNet of the original, whose blocks are counted through all levels."""

    def __init__(
        self, channels: Sequence[int], attention: Sequence[bool], *, latent: int, context: int, heads: int
    ) -> None:
        super().__init__()
        self.width, time = channels[0], 4 * channels[0]
        self.time_embed = nn.Sequential(nn.Linear(self.width, time), nn.SiLU(), nn.Linear(time, time))

        def make_level(size: int, out: int, has_attention: bool) -> list[nn.Module]:
            own = [SpatialTransformer(out, context, heads)] if has_attention else []
            return [ResidualBlock(size, out, time), *own]

        blocks: list[list[nn.Module]] = [[Start(latent, self.width, 3, padding=1)]]
        sizes, now = [self.width], self.width
        for level, out in enumerate(channels):
            for _ in range(2):
                blocks.append(make_level(now, out, attention[level]))
                now = out
                sizes.append(now)
            if level + 1 < len(channels):
                blocks.append([Halve(now)])
                sizes.append(now)
        self.input_blocks = nn.ModuleList(nn.ModuleList(block) for block in blocks)
        self.middle_block = nn.ModuleList(
            [
                ResidualBlock(now, now, time),
                SpatialTransformer(now, context, heads),
                ResidualBlock(now, now, time),
            ]
        )
        blocks = []
        for level in reversed(range(len(channels))):
            for number in range(3):
                block = make_level(now + sizes.pop(), channels[level], attention[level])
                now = channels[level]
                blocks.append([*block, Double(now)] if level and number == 2 else block)
        self.output_blocks = nn.ModuleList(nn.ModuleList(block) for block in blocks)
        self.out = nn.Sequential(nn.GroupNorm(32, now), nn.SiLU(), nn.Conv2d(now, latent, 3, padding=1))

    def forward(self, x: Tensor, times: Tensor, context: Tensor) -> Tensor:
        """The noise in `x`."""
        half = self.width // 2
        angles = times[:, None].float() * torch.exp(-math.log(10000) * torch.arange(half) / half)
        time = self.time_embed(torch.cat([angles.cos(), angles.sin()], dim=1))
        kept = []
        for block in self.input_blocks:
            for layer in block.children():
                x = layer(x, time, context)
            kept.append(x)
        for layer in self.middle_block:
            x = layer(x, time, context)
        for block in self.output_blocks:
            x = torch.cat([x, kept.pop()], dim=1)
            for layer in block.children():
                x = layer(x, time, context)
        noise: Tensor = self.out(x)
        return noise


class PlainBlock(nn.Module):
    """A residual block of the autoencoder."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(32, width, eps=1e-6), nn.GroupNorm(32, out, eps=1e-6)
        self.conv1 = nn.Conv2d(width, out, 3, padding=1)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1)
        if width != out:
            self.nin_shortcut = nn.Conv2d(width, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Two convolutions."""
        hidden = self.conv1(functional.silu(self.norm1(x)))
        hidden = self.conv2(functional.silu(self.norm2(hidden)))
        added: Tensor = hidden + (self.nin_shortcut(x) if hasattr(self, "nin_shortcut") else x)
        return added


class PlainAttention(nn.Module):
    """Attention of one head, by convolutions of one pixel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(32, width, eps=1e-6)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(width, width, 1) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        """Every place with every other."""
        normed = self.norm(x)
        query, key, value = (layer(normed).flatten(2) for layer in (self.q, self.k, self.v))
        shares = (query.transpose(1, 2) @ key / math.sqrt(x.shape[1])).softmax(dim=-1)
        mixed = (value @ shares.transpose(1, 2)).unflatten(2, x.shape[2:])
        added: Tensor = x + self.proj_out(mixed)
        return added


class Middle(nn.Module):
    """Between the ways down and up."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block_1, self.block_2 = PlainBlock(width, width), PlainBlock(width, width)
        self.attn_1 = PlainAttention(width)

    def forward(self, x: Tensor) -> Tensor:
        """Block, attention, block."""
        out: Tensor = self.block_2(self.attn_1(self.block_1(x)))
        return out


class HalvePlain(nn.Module):
    """Half the size, padded right and below only."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """One convolution."""
        out: Tensor = self.conv(functional.pad(x, (0, 1, 0, 1)))
        return out


class Level(nn.Module):
    """Blocks of one size, and the change of size behind them."""

    def __init__(self, sizes: Sequence[int], change: nn.Module | None, name: str) -> None:
        super().__init__()
        self.block = nn.ModuleList(PlainBlock(width, out) for width, out in pairwise(sizes))
        if change is not None:
            self.add_module(name, change)

    def forward(self, x: Tensor) -> Tensor:
        """Blocks, then the change."""
        for block in self.block:
            x = block(x)
        for name, change in self.named_children():
            x = x if name == "block" else change(x)
        return x


class Encoder(nn.Module):
    """Pixels to latents."""

    def __init__(self, channels: Sequence[int], latent: int) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(3, channels[0], 3, padding=1)
        before = (channels[0], *channels)
        last = len(channels) - 1
        self.down = nn.ModuleList(
            Level([before[i], out, out], None if i == last else HalvePlain(out), "downsample")
            for i, out in enumerate(channels)
        )
        self.mid = Middle(channels[-1])
        self.norm_out = nn.GroupNorm(32, channels[-1], eps=1e-6)
        self.conv_out = nn.Conv2d(channels[-1], latent, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """From the largest size to the smallest."""
        x = self.conv_in(x)
        for level in self.down:
            x = level(x)
        out: Tensor = self.conv_out(functional.silu(self.norm_out(self.mid(x))))
        return out


class Decoder(nn.Module):
    """Latents to pixels; its levels are counted from the image's size."""

    def __init__(self, channels: Sequence[int], latent: int) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(latent, channels[-1], 3, padding=1)
        self.mid = Middle(channels[-1])
        before = (*channels[1:], channels[-1])
        self.up = nn.ModuleList(
            Level([before[i], out, out, out], Double(out) if i else None, "upsample")
            for i, out in enumerate(channels)
        )
        self.norm_out = nn.GroupNorm(32, channels[0], eps=1e-6)
        self.conv_out = nn.Conv2d(channels[0], 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """From the smallest size to the largest."""
        x = self.mid(self.conv_in(x))
        for level in reversed(self.up):
            x = level(x)
        out: Tensor = self.conv_out(functional.silu(self.norm_out(x)))
        return out


class Embedded(nn.Module):
    """An embedding one name further inside."""

    def __init__(self, count: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(count, width)


class Wrapped(nn.Module):
    """The network one name further inside."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.diffusion_model = network


class Autoencoder(nn.Module):
    """Encoder, codes and decoder."""

    def __init__(self, channels: Sequence[int], latent: int, codes: int) -> None:
        super().__init__()
        self.encoder, self.decoder = Encoder(channels, latent), Decoder(channels, latent)
        self.quant_conv, self.post_quant_conv = nn.Conv2d(latent, latent, 1), nn.Conv2d(latent, latent, 1)
        self.quantize = Embedded(codes, latent)

    def encode(self, pixels: Tensor) -> Tensor:
        """Latents before the codes."""
        out: Tensor = self.quant_conv(self.encoder(pixels))
        return out

    def decode(self, latents: Tensor) -> Tensor:
        """Pixels of the nearest codes."""
        places = latents.movedim(1, -1)
        codes = self.quantize.embedding.weight
        squares = (places[..., None, :] - codes).square().sum(dim=-1)
        out: Tensor = self.decoder(self.post_quant_conv(codes[squares.argmin(dim=-1)].movedim(-1, 1)))
        return out


class LatentDiffusion(nn.Module):
    """The whole model; its state dict has the names of a checkpoint.

    Args:
        num_classes: The one for no class, the last one, included.
        heads: Of every attention of the network.
    """

    betas: Tensor

    def __init__(self, *, num_classes: int = 1001, heads: int = 1) -> None:
        super().__init__()
        network = Network((32, 64, 96), (False, True, True), latent=3, context=16, heads=heads)
        self.model = Wrapped(network)
        self.first_stage_model = Autoencoder((32, 64, 64), latent=3, codes=24)
        self.cond_stage_model = Embedded(num_classes, 16)
        self.num_classes = num_classes
        betas = torch.linspace(0.0015**0.5, 0.0195**0.5, 1000, dtype=torch.float64) ** 2
        self.register_buffer("betas", betas.float())

    def predict(self, x: Tensor, times: Tensor, labels: Tensor) -> Tensor:
        """The noise in latents of some classes."""
        context = self.cond_stage_model.embedding(labels)[:, None]
        noise: Tensor = self.model.diffusion_model(x, times, context)
        return noise

    @torch.no_grad()
    def sample(self, start: Tensor, labels: Tensor, *, steps: int, guidance: float) -> Tensor:
        """Pixels in [-1, 1] by DDIM without noise (Song et al. 2021, Eq. 12), from given latents."""
        kept = (1 - self.betas.double()).cumprod(0)
        times = list(range(0, 1000, 1000 // steps))
        # One later than evenly from 0; before the first comes the very first time.
        after = [int(time) + 1 for time in times]
        before = [0, *after[:-1]]
        x, nothing = start, torch.full_like(labels, self.num_classes - 1)
        for now, then in zip(reversed(after), reversed(before), strict=True):
            at = torch.full((len(x),), now)
            free, given = self.predict(x, at, nothing), self.predict(x, at, labels)
            noise = free + guidance * (given - free)
            alpha, alpha_then = float(kept[now]), float(kept[then])
            clean = (x - math.sqrt(1 - alpha) * noise) / math.sqrt(alpha)
            x = math.sqrt(alpha_then) * clean + math.sqrt(1 - alpha_then) * noise
        return self.first_stage_model.decode(x)


def make_original(seed: int = 0, *, heads: int = 1) -> LatentDiffusion:
    """A model with random weights, none of them zero or one, so that each decides the output."""
    torch.manual_seed(seed)
    model = LatentDiffusion(heads=heads).eval()
    for parameter in model.parameters():
        if parameter.ndim == 1:
            parameter.data += 0.1 * torch.randn_like(parameter)
    return model
