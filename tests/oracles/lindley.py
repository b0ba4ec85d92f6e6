"""What the oracle knows of Lindley."""

from oracle import Bound, Oracle, expectations_of_powers, half_line, mp
from oracles.inverse_gaussian import scaled_e1

# Lindley(rate)
LINDLEY = Oracle(
    log_density=lambda rate: lambda x: mp.log(rate**2 / (1 + rate)) + mp.log(1 + x) - rate * x,
    support=half_line,
    log_terms=lambda rate: {("1",): mp.log(rate**2 / (1 + rate)), ("log(1+x)",): mp.one, ("x",): -rate},
    expectations=expectations_of_powers(
        lambda k, rate: mp.gamma(k + 1) * rate**-k * (rate + k + 1) / (rate + 1) if k > -1 else mp.inf
    )
    | {
        "log x": lambda rate: 1 / (1 + rate) - mp.euler - mp.log(rate),
        "log(1+x)": lambda rate: (1 + scaled_e1(rate)) / (1 + rate),
    },
    bulk=lambda rate: (1 / rate, 1 / rate),
)

ORACLES: dict[str, Oracle] = {"Lindley": LINDLEY}

BOUNDS: dict[str, Bound] = {"Lindley": 6.0}
