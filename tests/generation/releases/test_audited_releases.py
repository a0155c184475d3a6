"""An audit in a release: it is published and fetched, stands on the card, and outlives another build."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from audit_cases import rate, write_audit
from build_specs import build, make_noise_spec
from hub_clients import Client
from hub_server import StandInHub, serve_hub

from imagenet_g.benchmark.audits.attaching import attach_audit
from imagenet_g.benchmark.audits.drawing import draw_sample, make_population
from imagenet_g.benchmark.catalogue.catalogue import load_split
from imagenet_g.benchmark.splits.manifests import load_manifest
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.benchmark.splits.views import apply_view, list_views
from imagenet_g.generation.releases.check import check_release
from imagenet_g.generation.releases.hub_card import CardSource, format_dataset_card
from imagenet_g.generation.releases.tree import make_tree

REPO = "org/imagenet-g"
OPEN = """
import sys
from imagenet_g.benchmark.catalogue.catalogue import load_split, parse_data_pairs
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.benchmark.splits.views import apply_view
version, source = sys.argv[1:]
data = parse_data_pairs([f"{version}=hub:{source}"])
for stream in (True, False):
    split = load_split(parse_split_ref(f"{version}/sd-l"), data=data, cache=None, stream=stream)
    print(",".join(split.rows.image_ids[row] for row in apply_view(split, "audited")[0]))
"""


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built release of 12 images, of which one rater calls every second valid. Do not change."""
    release, audit = tmp_path_factory.mktemp("release"), tmp_path_factory.mktemp("audit")
    build(make_noise_spec(), release)
    version = load_manifest(release).version
    split = load_split(parse_split_ref(f"{version}/sd-l"), data={version: release}, cache=None)
    drawn = draw_sample(make_population(split, None), None, num_images=12, control_share=0, seed=0)
    rate(write_audit(audit, drawn), ["yes", "no"] * 6, folder=audit)
    attach_audit(release, audit)
    return release


def find_valid(release: Path) -> list[str]:
    """Ids of the images of the view, in the split's order."""
    version = load_manifest(release).version
    split = load_split(parse_split_ref(f"{version}/sd-l"), data={version: release}, cache=None)
    return [split.rows.image_ids[row] for row in apply_view(split, "audited")[0]]


def test_the_view_is_listed_with_the_splits_own(audited: Path) -> None:
    """And has the six images."""
    version = load_manifest(audited).version
    split = load_split(parse_split_ref(f"{version}/sd-l"), data={version: audited}, cache=None)
    assert "audited" in list_views(split)
    assert len(find_valid(audited)) == 6


def test_another_build_of_the_same_images_keeps_the_audit(audited: Path, tmp_path: Path) -> None:
    """Such as one for another title."""
    copied = Path(shutil.copytree(audited, tmp_path / "copied"))
    build(make_noise_spec(title="Other"), copied)
    before, after = load_manifest(audited).splits["sd-l"], load_manifest(copied).splits["sd-l"]
    assert load_manifest(copied).title == "Other"
    assert after.audits == before.audits
    assert find_valid(copied) == find_valid(audited)


def test_what_is_published_holds_the_audit_and_says_so(audited: Path) -> None:
    """Its files are in the tree and on the card."""
    release = check_release(audited)
    assert "audits/sd-l/audited/willow-482.jsonl" in {
        file.path for file in make_tree(release, repo=REPO, tag="v1.0.0")
    }
    card = format_dataset_card(CardSource(release=release, repo=REPO, tag="v1.0.0"))
    assert "- view `audited`: images that the majority of 1 rater calls valid" in card


@pytest.fixture
def hub() -> Iterator[StandInHub]:
    """A Hub."""
    with serve_hub() as running:
        yield running


def test_the_view_of_a_release_on_the_hub_is_the_same(audited: Path, hub: StandInHub, tmp_path: Path) -> None:
    """Streamed and fetched."""
    hub.put_folder(REPO, audited, tag="v1.0.0")
    version = load_manifest(audited).version
    client = Client(hub.url, tmp_path / "home", token=None)
    printed = client.run_python(OPEN, version, f"{REPO}@v1.0.0").splitlines()
    assert printed == [",".join(find_valid(audited))] * 2
