"""Random numbers of PyTorch: the source that samplers draw from."""

from typing import Any

import torch


class Random:
    """PyTorch's generator: the caller's, or one of its own. The global one is left alone."""

    def __init__(self, rng: Any, like: torch.Tensor) -> None:
        if isinstance(rng, torch.Generator):
            self._generator = rng
        elif rng is None:
            self._generator = torch.Generator(like.device)
            self._generator.seed()
        elif isinstance(rng, int) and not isinstance(rng, bool):
            self._generator = torch.Generator(like.device).manual_seed(rng)
        else:
            raise TypeError(f"rng must be a seed, a torch.Generator or None; got {rng!r}")

    def binomial(self, n: int, count: torch.Tensor, probs: torch.Tensor, /) -> torch.Tensor:
        """Draw numbers of successes."""
        shape = (n, *probs.shape)
        return torch.binomial(count.detach().expand(shape), probs.detach().expand(shape), generator=self._generator)

    def gamma(self, n: int, concentration: torch.Tensor, /) -> torch.Tensor:
        """Draw from gamma distributions of rate 1."""
        # torch.distributions samples by this too, but takes no generator.
        return torch._standard_gamma(  # pyright: ignore
            concentration.expand((n, *concentration.shape)), generator=self._generator
        )

    def normal(self, n: int, like: torch.Tensor, /) -> torch.Tensor:
        """Draw from the standard normal distribution."""
        return torch.randn((n, *like.shape), generator=self._generator, dtype=like.dtype, device=like.device)

    def poisson(self, n: int, rate: torch.Tensor, /) -> torch.Tensor:
        """Draw from Poisson distributions."""
        return torch.poisson(rate.detach().expand((n, *rate.shape)), generator=self._generator)

    def seed(self) -> int:
        """Draw a seed."""
        device = self._generator.device
        return int(torch.randint(2**62, (), generator=self._generator, dtype=torch.int64, device=device))

    def uniform(self, n: int, like: torch.Tensor, /) -> torch.Tensor:
        """Draw from the uniform distribution; 0 becomes the smallest number."""
        draws = torch.rand((n, *like.shape), generator=self._generator, dtype=like.dtype, device=like.device)
        return torch.clamp(draws, min=torch.finfo(like.dtype).tiny)
