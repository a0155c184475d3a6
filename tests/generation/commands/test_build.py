"""`imagenet-g build` as a user types it: dry runs, pins, private builds, errors."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from build_specs import (
    SUPPORT,
    make_noise_spec,
    make_spec,
    make_split,
    make_stage,
    read_release,
    run_cli,
    write_spec,
)

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import FetchError, InputError
from imagenet_g.benchmark.splits.manifests import load_manifest
from imagenet_g.generation.commands.build import parse_shards
from imagenet_g.generation.costs.report import format_duration
from imagenet_g.generation.releases.recipe import parse_split_recipe
from imagenet_g.generation.specs.overrides import Overrides, apply_overrides
from imagenet_g.generation.specs.pins import pin_version_spec, replace_revision
from imagenet_g.generation.specs.version import find_version_spec, load_version_spec

Tiny = Callable[[str], Path]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def spec_path(tmp_path: Path) -> Path:
    """A TOML file of the noise version."""
    return write_spec(tmp_path / "tiny.toml", make_noise_spec())


def test_without_a_spec_the_versions_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """With their splits."""
    assert main(["build"]) == 0
    assert "[sd-l, sd-i, sd-li]" in capsys.readouterr().out


def test_the_dry_run_of_a_shipped_version_counts_its_images_without_a_gpu(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counts, prompts, cost, disk; nothing is written."""
    monkeypatch.chdir(tmp_path)
    words = ["--split", "sd-l", "--dry-run", "--seconds-per-image", "2"]
    assert main(["build", "v1-imagenet-100", *words]) == 0
    printed = capsys.readouterr().out
    for words_printed in (
        "5000 = 100 classes x 50", "batches of 8", "5000 different", "longest 22 of 77 tokens, 0 cut",
        "steps 50 (default), guidance 7.5 (default)", "2 s an image (given [1])", "2.8 h on one",
        "983 MB until .build is deleted, 492 MB for the release",
        "NOT PINNED", "Nothing was written",
    ):  # fmt: skip
        assert words_printed in printed
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_without_weights_says_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    """Rather than guess the cost."""
    main(["build", "draft-if", "--dry-run"])
    printed = capsys.readouterr().out
    assert "time     unknown: the weights of 'DeepFloyd/IF-I-XL-v1.0' are not on this machine" in printed
    assert "unknown without the text encoder's tokenizer" in printed


def test_a_dry_run_without_captions_still_counts_and_says_what_is_missing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Images and time of `draft-ood`, whose captions are not written yet."""
    assert main(["build", "draft-ood", "--dry-run", "--seconds-per-image", "12"]) == 0
    output = capsys.readouterr().out
    assert (
        "4300 = 86 classes x 50" in output
        and "12 s an image (given [1])" in output
        and "14.3 h on one" in output
    )
    assert output.count("There is no caption file 'ood-v1.jsonl'") == 2
    assert "A build would stop at once here" in output and "captions write" in output


def test_missing_class_means_stop_a_build_before_its_plan(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The dry run of `draft-comparators` says so, with the command that writes them."""
    path = tmp_path / "comparators.toml"
    path.write_text(find_version_spec("draft-comparators").read_text().replace('"main"', f'"{"0" * 40}"'))
    assert main(["build", str(path), "--dry-run"]) == 0
    assert "There are no class means 'means.safetensors'. Write them with" in capsys.readouterr().out
    assert main(["build", str(path), "--out", str(tmp_path / "out")]) == 2
    assert "There are no class means" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_dry_run_times_a_batch_of_a_pipeline_on_hand(
    tiny: Tiny, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And measures its bytes."""
    spec = make_spec({"sd": make_stage("StableDiffusionPipeline", tiny("sd"))}, {"sd-l": make_split("sd")})
    main(["build", str(write_spec(tmp_path / "tiny.toml", spec)), "--dry-run"])
    printed = capsys.readouterr().out
    assert "timed: a timed batch" in printed
    assert "kB an image, measured)" in printed


def test_prompts_over_the_limit_are_shown_by_the_dry_run_and_counted_in_the_release(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A template of a hundred words, in a version whose encoder keeps 77 tokens."""
    spec = make_noise_spec().model_dump(mode="json", exclude_none=True)
    spec["generators"]["noise"]["clip_token_limit"] = 77
    template = "a {c}" + " very" * 100
    spec["splits"]["sd-l"]["prompts"] = {
        "recipe": "template",
        "class_names": "open_clip",
        "template": template,
    }
    path = write_spec(tmp_path / "long.toml", make_noise_spec().model_validate(spec))
    main(["build", str(path), "--dry-run"])
    assert "12 cut short" in capsys.readouterr().out
    main(["build", str(path), "--out", str(tmp_path / "out")])
    report = parse_split_recipe(load_manifest(tmp_path / "out"), "sd-l").prompts
    assert report is not None and report.num_over_limit == 12
    assert "12 images have a prompt that is cut" in (tmp_path / "out" / "README.md").read_text()


def test_a_build_by_command_says_where_the_release_is(
    spec_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And what to do next."""
    assert main(["build", str(spec_path), "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "shard 3 of 3" in printed
    assert f"imagenet-g gallery {tmp_path / 'out'}" in printed


def test_shards_of_a_job_array_leave_the_release_to_a_last_run(
    spec_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which then renders nothing."""
    out = str(tmp_path / "out")
    assert main(["build", str(spec_path), "--out", out, "--shards", "0:3"]) == 0
    assert "without --shards" in capsys.readouterr().out
    assert main(["build", str(spec_path), "--out", out]) == 0
    assert "all 3 shards are done already" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "--out DIR"),
        (("--out", "x", "--split", "sd-x"), "Unknown split 'tiny/sd-x'"),
        (("--out", "x", "--shards", "3"), "Use I:J"),
        (("--out", "x", "--shards", "1:9"), "not within 0:3"),
        (("--out", "x", "--workers", "2"), "need --engine ray"),
        (("--out", "x", "--device", "cuda:9"), "Device 'cuda:9' is not available"),
        (("--out", "x", "--classes", "imagenet-101"), "Did you mean 'imagenet-100'"),
        (("--out", "x", "--name", "other"), "--name is for private builds"),
        (("--out", "x", "--pipeline", "a/b", "--generator", "python:a:b"), "not both"),
        (("--out", "x", "--generator", "python:a"), "Use python:MODULE:FACTORY"),
        (("more.toml", "--out", "x"), "Give one SPEC"),
    ],
)
def test_a_users_mistake_is_one_message_and_exit_code_2(
    spec_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...], message: str,
) -> None:  # fmt: skip
    """No traceback."""
    monkeypatch.chdir(tmp_path)
    assert main(["build", str(spec_path), *words]) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert "Traceback" not in printed


def test_an_unpinned_version_is_not_built(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command that pins it is named."""
    assert main(["build", "v1", "--split", "sd-l", "--out", str(tmp_path / "out")]) == 2
    assert "imagenet-g build pin v1" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_generator_of_ones_own_builds_a_private_version(tmp_path: Path) -> None:
    """With the files of any release, under another name than the version it was derived from."""
    words = ["--split", "sd-l", "--generator", "python:build_specs:NoiseGenerator", "--no-scores"]
    size = ["--classes", "imagenet-100", "--images-per-class", "1"]
    assert main(["build", "v1", *words, *size, "--out", str(tmp_path / "out")]) == 0
    manifest = load_manifest(tmp_path / "out")
    assert (manifest.version, manifest.splits["sd-l"].num_images) == ("v1-private", 100)


def test_another_pipeline_builds_a_private_version(tiny: Tiny, tmp_path: Path) -> None:
    """A folder of another class than the spec's: the automatic class finds out which."""
    spec = make_spec({"sd": make_stage("StableDiffusionPipeline", tiny("sd"))}, {"sd-l": make_split("sd")})
    path = write_spec(tmp_path / "tiny.toml", spec)
    words = ["--pipeline", str(tiny("sdxl")), "--name", "mine", "--images-per-class", "1"]
    assert main(["build", str(path), *words, "--out", str(tmp_path / "out")]) == 0
    recipe = parse_split_recipe(load_manifest(tmp_path / "out"), "sd-l")
    assert recipe.generator["stages"][0]["pipeline"] == "StableDiffusionXLPipeline"  # type: ignore[index,call-overload]
    assert load_manifest(tmp_path / "out").version == "mine"


def test_overrides_that_change_nothing_keep_the_version() -> None:
    """v1 stays v1 with its own sources named."""
    spec = load_version_spec("v1")
    same = apply_overrides(spec, ("sd-i",), Overrides(sources="imagenet-val"))
    assert same == spec
    other = apply_overrides(spec, ("sd-i",), Overrides(sources="mini/renditions"))
    assert other.version == "v1-private"


def test_pins_are_written_back_with_comments_and_order_kept(tmp_path: Path) -> None:
    """Each repository at its own revision; the old one stays as a comment."""
    path = Path(shutil.copy(find_version_spec("v1"), tmp_path / "v1.toml"))
    before = path.read_text().splitlines()
    lines = pin_version_spec(str(path), resolve=lambda repo, revision: COMMIT)
    after = path.read_text().splitlines()
    assert lines[1] == f"lambdalabs/sd-image-variations-diffusers: v2.0 is {COMMIT}"
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert [old for old, _ in changed] == ['revision = "main"', 'revision = "v2.0"', 'revision = "main"']
    assert changed[1][1] == f'revision = "{COMMIT}"  # v2.0'
    assert pin_version_spec(str(path), resolve=lambda repo, revision: pytest.fail("asked"))[0].endswith(
        f"pinned at {COMMIT}"
    )


def test_upscalers_are_pinned_too(tmp_path: Path) -> None:
    """In tables of their own."""
    path = Path(shutil.copy(find_version_spec("draft-if"), tmp_path / "if.toml"))
    pin_version_spec(str(path), resolve=lambda repo, revision: COMMIT)
    assert path.read_text().count(COMMIT) == 2


def test_a_spec_whose_revisions_cannot_be_replaced_is_left_alone(tmp_path: Path) -> None:
    """Inline tables, for example."""
    stage = make_stage("StableDiffusionPipeline", Path("a/b"), revision="main")
    path = write_spec(tmp_path / "inline.toml", make_spec({"sd": stage}, {"sd-l": make_split("sd")}))
    before = path.read_text()
    with pytest.raises(InputError, match="could not be replaced"):
        pin_version_spec(str(path), resolve=lambda repo, revision: COMMIT)
    assert path.read_text() == before


def test_only_the_repository_that_was_asked_for_is_replaced() -> None:
    """Two tables with the same revision."""
    text = '[a]\nrepo = "x/y"\nrevision = "main"\n[b]\nrepo = "x/z"\nrevision = "main"\n'
    assert replace_revision(text, "x/z", "main", COMMIT).splitlines()[2] == 'revision = "main"'


class Hub(BaseHTTPRequestHandler):
    """Answers for one repository, as the Hub does."""

    def do_GET(self) -> None:
        """Model information, or 404."""
        known = self.path.split("?")[0] == "/api/models/org/known/revision/main"
        body = {"id": "org/known", "sha": COMMIT} if known else {"error": "Repository not found"}
        self.send_response(200 if known else 404)
        if not known:
            self.send_header("X-Error-Code", "RepoNotFound")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *words: object) -> None:
        """Quiet."""


@pytest.fixture
def hub() -> Iterator[str]:
    """A loopback server that knows one repository."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("repo", "code"), [("org/known", 0), ("org/unknown", 2)])
def test_pins_come_from_the_hub(
    hub: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repo: str, code: int
) -> None:
    """Through the real client, in a process of its own because it reads its endpoint once."""
    text = find_version_spec("draft-sd21").read_text().replace("stabilityai/stable-diffusion-2-1", repo)
    path = tmp_path / "mine.toml"
    path.write_text(text)
    for name, value in {"HF_ENDPOINT": hub, "HF_HUB_OFFLINE": "0"}.items():
        monkeypatch.setenv(name, value)
    process = run_cli("build", "pin", path, wait=False)
    output, _ = process.communicate()
    assert process.returncode == code, output
    assert (COMMIT in path.read_text()) == (code == 0)
    if code:
        assert f"The commit of '{repo}' at 'main' could not be found" in output
        assert "Traceback" not in output


def test_without_a_network_a_pin_is_one_message() -> None:
    """Tests run with the Hub switched off."""
    with pytest.raises(FetchError, match=r"could not be found.*write the 40-digit commit"):
        pin_version_spec("v1")


def test_a_new_generator_needs_one_spec_and_one_adapter_as_the_walk_through_writes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every block of that section of generation/README.md, as written, in a folder of its own."""
    guide = (SUPPORT.parents[1] / "generation" / "README.md").read_text()
    section = guide.split("## A generator of another kind")[1].split("\n## ")[0]
    blocks = dict(part.split("\n", 1) for part in section.split("```")[1::2])
    adapter, spec = blocks["python title=stripes.py"], blocks["toml title=stripes.toml"]
    assert len([line for line in adapter.splitlines() if line.strip()]) < 40
    (tmp_path / "stripes.py").write_text(adapter)
    (tmp_path / "stripes.toml").write_text(spec)
    monkeypatch.chdir(tmp_path)
    commands = [line.split()[1:] for line in blocks["sh"].splitlines() if line.startswith("imagenet-g ")]
    assert [words[0] for words in commands] == ["build", "build", "verify", "gallery", "evaluate"]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for words in commands:
        assert main(words) == 0, words
    assert load_manifest(tmp_path / "stripes-1").splits["stripes"].num_images == 100
    release = read_release(tmp_path / "stripes-1")
    assert any(name.startswith("data/stripes/") for name in release)


def test_ranges_of_shards_are_half_open() -> None:
    """As in Python."""
    assert parse_shards("0:25") == (0, 25)
    assert parse_shards(None) is None


@pytest.mark.parametrize(
    ("seconds", "text"), [(45, "45 s"), (600, "10 min"), (12_240, "3.4 h"), (864_000, "10.0 days")]
)
def test_durations_read_as_people_say_them(seconds: float, text: str) -> None:
    """One unit each."""
    assert format_duration(seconds) == text
