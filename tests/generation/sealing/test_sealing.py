"""A private sibling from its key to its opening, on a release of noise."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from build_specs import build, make_noise_spec

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.siblings.commitments import make_key_file
from imagenet_g.benchmark.splits.manifests import load_manifest, write_manifest
from imagenet_g.generation.plans.siblings import list_strata
from imagenet_g.generation.sealing.public_splits import load_public_split, replace_split
from imagenet_g.generation.specs.version import parse_version_spec


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `public`, `sealed` and `key`: three classes of four images, and a twin of each."""
    folder = tmp_path_factory.mktemp("sealing")
    build(make_noise_spec(), folder / "public")
    words = ["sibling", "build", str(folder / "public"), "--key", str(folder / "key")]
    assert main([*words, "--out", str(folder / "sealed")]) == 0
    return folder


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    """One of its own for a test that changes it."""
    return Path(shutil.copytree(made, tmp_path / "copy"))


def run(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit code, output, and the last line of errors."""
    code = main(["sibling", *words])
    captured = capsys.readouterr()
    return code, captured.out, (captured.err.strip().splitlines() or [""])[-1]


def place(folder: Path, *names: str) -> list[str]:
    """Options for the parts of a folder."""
    return [word for name in names for word in (f"--{name}", str(folder / name))]


def read_plan(folder: Path) -> dict[str, list[object]]:
    """Columns of a plan."""
    columns: dict[str, list[object]] = pq.read_table(folder / "plan/sd-l.parquet").to_pydict()
    return columns


def test_a_twin_has_all_but_id_and_seed_of_its_image(made: Path) -> None:
    """And nothing of one version is in the other."""
    public, private = read_plan(made / "public"), read_plan(made / "sealed")
    same = ["wnid", "label", "index", "prompt", "source_image_id", "batch_id", "slot", "shard"]
    assert all(public[name] == private[name] for name in same)
    for name in ("image_id", "seed"):
        assert not set(public[name]) & set(private[name])
        assert len(set(private[name])) == 12
    pixels = [
        set(pq.read_table(made / side / "data/sd-l", columns=["pixel_sha256"])["pixel_sha256"].to_pylist())
        for side in ("public", "sealed")
    ]
    assert len(pixels[0] | pixels[1]) == 24


def test_the_key_is_in_neither_release_nor_in_what_is_printed(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before the opening."""
    key = (made / "key").read_text().strip()
    code, out, _ = run(["check", str(made / "public"), *place(made, "key", "sealed")], capsys)
    assert (code, key in out) == (0, False)
    for path in [*(made / "public").rglob("*"), *(made / "sealed").rglob("*")]:
        assert path.is_dir() or key.encode() not in path.read_bytes()


def test_the_same_key_gives_the_same_sibling_and_no_second_commitment(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A build that is run again changes nothing; another key or number is refused."""
    before = (copy / "public/manifest.json").read_bytes(), (copy / "sealed/manifest.json").read_bytes()
    words = ["build", str(copy / "public"), "--out", str(copy / "sealed")]
    assert run([*words, *place(copy, "key")], capsys)[0] == 0
    assert before == (
        (copy / "public/manifest.json").read_bytes(),
        (copy / "sealed/manifest.json").read_bytes(),
    )
    code, _, err = run([*words, *place(copy, "key"), "--images-per-class", "2"], capsys)
    assert (code, "has another sibling already" in err) == (2, True)
    make_key_file(copy / "other")
    code, _, err = run([*words, "--key", str(copy / "other")], capsys)
    assert (code, "has another sibling already" in err) == (2, True)
    code, _, err = run([*words, "--key", str(copy / "none")], capsys)
    assert (code, "its key is not" in err, (copy / "none").exists()) == (2, True, False)


def test_a_few_twins_of_each_class_are_chosen_by_the_key(made: Path, tmp_path: Path) -> None:
    """Two keys choose others, and one key always the same."""
    public = load_public_split(made / "public", "sd-l")
    chosen = []
    for name in "abcd":
        key = make_key_file(tmp_path / name)
        plan, again = (public.make_twin_plan(key, 2).table.to_pydict() for _ in range(2))
        assert plan == again
        assert sorted(plan["wnid"]) == sorted(wnid for wnid in set(plan["wnid"]) for _ in range(2))
        assert plan["slot"] == [0, 1, 2, 3, 0, 1]
        chosen.append(tuple(plan["index"]))
    assert len(set(chosen)) > 1


def test_replicates_are_of_one_stratum() -> None:
    """They differ in the seed alone, as twins do; swept settings set images apart."""
    table = {
        "image_id": ["a", "b"],
        "wnid": ["n", "n"],
        "prompt": ["p", "p"],
        "source_image_id": [None, None],
    }
    same = list_strata(pa.table({**table, "replicate": [0, 1], "series": ["0/0", "1/0"]}))
    assert same["a"] == same["b"]
    swept = list_strata(pa.table({**table, "guidance": [1.0, 2.0]}))
    assert swept["a"] != swept["b"]


def test_a_wrong_key_a_changed_plan_and_another_release_are_told(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line each, exit code 2."""
    make_key_file(copy / "other")
    words = ["check", str(copy / "public")]
    code, _, err = run([*words, "--key", str(copy / "other")], capsys)
    assert (code, "do not give the commitment" in err) == (2, True)
    code, _, err = run(words, capsys)
    assert (code, "is sealed: only its key" in err) == (2, True)
    code, _, err = run([*words, *place(copy, "key"), "--sealed", str(copy / "public")], capsys)
    assert (code, "is not the sibling of 'tiny/sd-l', which is 'tiny-sibling/sd-l'" in err) == (2, True)
    shard = next((copy / "sealed/data/sd-l").iterdir())
    shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    code, _, err = run([*words, *place(copy, "key", "sealed")], capsys)
    assert (code, "is damaged" in err) == (2, True)
    plan = copy / "public/plan/sd-l.parquet"
    plan.write_bytes(plan.read_bytes() + b"x")
    code, _, err = run([*words, *place(copy, "key")], capsys)
    assert code == 2


def test_a_release_without_a_sibling_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And what makes one."""
    build(make_noise_spec(), tmp_path / "public")
    code, _, err = run(["check", str(tmp_path / "public")], capsys)
    assert (code, "names no sibling" in err, "sibling build" in err) == (2, True, True)


def test_a_key_inside_a_release_is_refused(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It would be copied with it."""
    for inside in ("public", "sealed"):
        words = [
            "build",
            str(copy / "public"),
            "--key",
            str(copy / inside / "key"),
            "--out",
            str(copy / "sealed"),
        ]
        code, _, err = run(words, capsys)
        assert (code, "must not lie inside" in err) == (2, True)


def test_a_sealed_set_is_neither_published_nor_evaluated(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Until it is opened."""
    assert main(["publish", str(made / "sealed"), "--to", str(tmp_path / "out")]) == 2
    assert "is a private sibling" in capsys.readouterr().err
    data = ["--split", "tiny-sibling/sd-l", "--data", f"tiny-sibling={made / 'sealed'}"]
    assert main(["evaluate", "--model", "wheel:efficientnet-lite0", *data, "--out", str(tmp_path / "o")]) == 2
    assert "maintainers alone score on it" in capsys.readouterr().err
    with pytest.raises(InputError, match="'test' or 'train'"):
        parse_version_spec(
            'schema_version = 1\nversion = "x"\ntitle = "x"\nstatus = "draft"\nlicense = "MIT"\n'
            '[encoding]\nformat = "png"\n[generators.g]\nkind = "python"\ninputs = "prompt"\n'
            'factory = "a:b"\n[splits.s]\ntitle = "s"\nrole = "sealed"\ngenerator = "g"\nclasses = "all"\n'
            "images_per_class = 1\nbatch_size = 1\n"
            'prompts = { recipe = "openai-80", class_names = "open_clip" }\n',
            source="x",
        )


def test_an_opened_sibling_is_checked_by_anybody(
    copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the key's file; it is a test set then, and the release can be published and verified."""
    key = (copy / "key").read_text().strip()
    public = load_manifest(copy / "public")
    code, out, _ = run(["retire", str(copy / "public"), *place(copy, "key", "sealed")], capsys)
    assert (code, "opened" in out) == (0, True)
    opened = load_manifest(copy / "public").splits["sd-l"].sibling
    assert opened is not None
    assert opened.opened is not None
    assert opened.opened.key == key
    committed = public.splits["sd-l"].sibling
    assert committed is not None
    assert committed.commitment == opened.commitment
    assert load_manifest(copy / "sealed").splits["sd-l"].role == "test"
    code, out, _ = run(["check", str(copy / "public"), *place(copy, "sealed")], capsys)
    assert (code, "opened; key and public plan give the commitment, 12 private images" in out) == (0, True)
    assert main(["publish", str(copy / "sealed"), "--to", str(tmp_path / "out")]) == 0
    assert main(["verify", str(copy / "sealed"), "--expect", "R0"]) == 0
    # Finished by a second run where the first was interrupted.
    assert run(["retire", str(copy / "public"), *place(copy, "key", "sealed")], capsys)[0] == 0


def test_a_false_opening_is_found(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A key that was not committed to gives another hash."""
    run(["retire", str(copy / "public"), *place(copy, "key", "sealed")], capsys)
    manifest = load_manifest(copy / "public")
    record = manifest.splits["sd-l"].sibling
    assert record is not None
    assert record.opened is not None
    false = record.model_copy(update={"opened": record.opened.model_copy(update={"key": "ab" * 32})})
    write_manifest(copy / "public", replace_split(manifest, "sd-l", sibling=false))
    code, _, err = run(["check", str(copy / "public")], capsys)
    assert (code, "do not give the commitment" in err) == (2, True)


def test_a_rebuilt_release_keeps_its_commitment(copy: Path) -> None:
    """As it keeps its audits."""
    before = (copy / "public/manifest.json").read_bytes()
    build(make_noise_spec(), copy / "public")
    assert (copy / "public/manifest.json").read_bytes() == before
    assert b"sibling" in before
