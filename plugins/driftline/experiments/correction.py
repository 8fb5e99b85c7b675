"""Several comparisons at once: the chance that any of them errs stays at alpha.

References
----------
.. [1] Holm (1979), "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6.
"""

from __future__ import annotations

from collections.abc import Mapping


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """The p-values as Holm [1]_ corrects them: below alpha, the comparison is significant among all of them."""
    if len(p_values) < 2:
        return dict(p_values)
    from statsmodels.stats.multitest import multipletests

    adjusted = multipletests(list(p_values.values()), method="holm")[1]
    return dict(zip(p_values, map(float, adjusted), strict=True))
