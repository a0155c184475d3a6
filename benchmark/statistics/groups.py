"""Two models within groups of images, such as classes or recipes: pure functions over booleans."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.statistics.accuracy import BoolArray, FloatArray
from imagenet_g.benchmark.statistics.corrections import adjust_benjamini_hochberg, adjust_holm
from imagenet_g.benchmark.statistics.discordance import compute_mcnemar


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupTable:
    """Two models within each group of images; arrays of G rows, groups in sorted order.

    Attributes:
        names: Group names.
        num_images: Images in each.
        first_right: Right answers of the first model.
        second_right: Right answers of the second.
        p_values: McNemar, within the group.
        p_holm: After Holm's correction over the groups.
        p_fdr: After Benjamini and Hochberg's.
    """

    names: tuple[str, ...]
    num_images: npt.NDArray[np.int64]
    first_right: npt.NDArray[np.int64]
    second_right: npt.NDArray[np.int64]
    p_values: FloatArray
    p_holm: FloatArray
    p_fdr: FloatArray

    @property
    def differences(self) -> FloatArray:
        """Accuracy of the first less that of the second in each group."""
        return np.asarray((self.first_right - self.second_right) / self.num_images)


def build_group_table(first: BoolArray, second: BoolArray, groups: npt.ArrayLike) -> GroupTable:
    """Compare two models within groups of images, such as classes or recipes.

    Args:
        first: `(N,)` whether the first model is right.
        second: `(N,)` whether the second is.
        groups: `(N,)` name of each image's group.

    Example:
        >>> first, second = np.array([True, True, False]), np.array([True, False, False])
        >>> table = build_group_table(first, second, ["a", "b", "b"])
        >>> table.names, table.differences.tolist()
        (('a', 'b'), [0.0, 0.5])
    """
    names, index = np.unique(np.asarray(groups, dtype=np.str_), return_inverse=True)

    def count(mask: BoolArray) -> npt.NDArray[np.int64]:
        return np.bincount(index[mask], minlength=len(names)).astype(np.int64)

    only_first, only_second = count(first & ~second), count(second & ~first)
    p_values = np.array(
        [compute_mcnemar(int(b), int(c)).p_value for b, c in zip(only_first, only_second, strict=True)]
    )
    return GroupTable(
        names=tuple(str(name) for name in names),
        num_images=np.bincount(index, minlength=len(names)).astype(np.int64),
        first_right=count(first),
        second_right=count(second),
        p_values=p_values,
        p_holm=adjust_holm(p_values),
        p_fdr=adjust_benjamini_hochberg(p_values),
    )
