"""The public side of a sibling: a built split of a release, with its plan."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from imagenet_g.benchmark.errors import DataError, InputError, UnknownNameError
from imagenet_g.benchmark.hub.sources import find_snapshot_source
from imagenet_g.benchmark.identity import hash_file, hash_json
from imagenet_g.benchmark.siblings.commitments import SiblingKey, compute_commitment
from imagenet_g.benchmark.splits.manifests import Manifest, SiblingRecord, SplitManifest, load_manifest
from imagenet_g.generation.plans.plan import Plan, hash_plan_rows, load_plan_meta
from imagenet_g.generation.plans.siblings import make_sibling_plan
from imagenet_g.generation.releases.reading import load_table
from imagenet_g.generation.releases.recipe import SplitRecipe, parse_split_recipe


@dataclass(frozen=True, slots=True)
class PublicSplit:
    """A split of a public release.

    Attributes:
        folder: The release.
        manifest: Its manifest.
        name: The split.
        recipe: How it was made.
        plan: Its plan, with the hash of the manifest.
    """

    folder: Path
    manifest: Manifest
    name: str
    recipe: SplitRecipe
    plan: Plan

    @property
    def ref(self) -> str:
        """Its reference, such as v1/sd-l."""
        return f"{self.manifest.version}/{self.name}"

    @property
    def described(self) -> SplitManifest:
        """What the manifest says of it."""
        return self.manifest.splits[self.name]

    def make_twin_plan(self, key: SiblingKey, images_per_class: int | None) -> Plan:
        """The plan of its sibling under a key."""
        rows = self.plan.meta.recipe.get("rows_per_shard")
        if not isinstance(rows, int):
            raise DataError(f"The recipe of '{self.ref}' has no number 'rows_per_shard'.")
        return make_sibling_plan(self.plan, key, rows_per_shard=rows, images_per_class=images_per_class)

    def make_record(self, key: SiblingKey, plan: Plan, images_per_class: int | None) -> SiblingRecord:
        """What the manifests say of a sibling with this plan, while it is sealed."""
        commitment = compute_commitment(
            key, public_plan_sha256=self.plan.meta.plan_sha256, plan_sha256=plan.meta.plan_sha256
        )
        return SiblingRecord(
            commitment=commitment, num_images=plan.meta.num_rows, images_per_class=images_per_class
        )


def load_public_split(folder: Path, name: str) -> PublicSplit:
    """A split that may have a sibling.

    Raises:
        UnknownNameError: The release has no such split.
        InputError: It is no test set.
        DataError: It was not built by a plan, or the plan is damaged.
    """
    manifest = load_manifest(folder)
    if name not in manifest.splits:
        known = [f"{manifest.version}/{split}" for split in manifest.splits]
        raise UnknownNameError("split", f"{manifest.version}/{name}", known)
    if (role := manifest.splits[name].role) != "test":
        raise InputError(f"'{manifest.version}/{name}' is a {role} set; only a test set has a sibling.")
    recipe = parse_split_recipe(manifest, name)
    return PublicSplit(folder, manifest, name, recipe, load_plan(folder, manifest, recipe, name))


def load_plan(folder: Path, manifest: Manifest, recipe: SplitRecipe, name: str) -> Plan:
    """The plan of a split of a release.

    Raises:
        DataError: It is missing, or is not the one of the manifest.
    """
    path = folder / recipe.plan.path
    meta, table = load_plan_meta(path), load_table(path)
    digest = hash_json({"recipe": meta.recipe, "rows": hash_plan_rows(table)})
    if hash_file(path) != recipe.plan.sha256 or {digest, meta.plan_sha256} != {recipe.plan_sha256}:
        raise DataError(f"'{path}' is not the plan of '{manifest.version}/{name}': its hash differs.")
    return Plan(meta, table)


def require_own(folder: Path) -> None:
    """Refuse the Hub's copy of a release, whose manifest is not ours to change.

    Raises:
        InputError: It is one.
    """
    if find_snapshot_source(folder) is not None:
        raise InputError(f"'{folder}' is the Hub's copy of a published release; copy it to a folder first.")


def list_siblings(manifest: Manifest) -> dict[str, SiblingRecord]:
    """The siblings that a manifest names, by split."""
    return {name: split.sibling for name, split in manifest.splits.items() if split.sibling is not None}


def replace_split(manifest: Manifest, name: str, **changes: object) -> Manifest:
    """The manifest with something changed in one split."""
    split = manifest.splits[name].model_copy(update=changes)
    return manifest.model_copy(update={"splits": {**manifest.splits, name: split}})
