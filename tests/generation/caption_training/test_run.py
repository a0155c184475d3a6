"""Both stages of training for real, on a model that takes seconds."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from build_specs import build, make_spec, make_split, make_stage
from image_sets import write_class_folders
from tiny_captions import RL_STEPS, WNIDS, make_caption_spec, train, train_and_die_each, write_seeds
from tiny_clip import build_tiny_clip

from imagenet_g.benchmark.classes import load_class_set, load_classes
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import DataError, InputError, ModelError, StorageError
from imagenet_g.benchmark.hub.quiet import quiet_training
from imagenet_g.benchmark.predictions.result_files import load_result
from imagenet_g.generation.caption_training.rl import make_questions
from imagenet_g.generation.caption_training.run import load_run
from imagenet_g.generation.caption_training.stages import find_checkpoint, load_finished, resume_stage
from imagenet_g.generation.caption_training.writing import WriteRequest, rank_captions, write_caption_set
from imagenet_g.generation.captions.class_means import hash_means, load_class_means, write_class_means
from imagenet_g.generation.captions.files import CaptionSet, load_captions
from imagenet_g.generation.captions.names import split_words
from imagenet_g.generation.captions.sentences import find_faults
from imagenet_g.generation.captions.specs import load_caption_spec

pytest.importorskip("trl")
Run = tuple[Path, Path]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLIP of random weights."""
    return build_tiny_clip(tmp_path_factory.mktemp("clip") / "tiny-clip")


@pytest.fixture(scope="module")
def run(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained run, never interrupted."""
    folder = tmp_path_factory.mktemp("captions")
    train(make_caption_spec(folder, clip), folder / "run")
    return folder / "run"


@pytest.fixture(scope="module")
def written(run: Path) -> CaptionSet:
    """Captions of that run."""
    return write(run)


def write(folder: Path, *, per_class: int = 4, **changes: object) -> CaptionSet:
    """Captions of a run."""
    settings: dict[str, object] = {
        "name": None, "version": 1, "seed": None, "allow_fewer": False, "device": "cpu", "note": print,
    }  # fmt: skip
    request = WriteRequest(folder=folder, per_class=per_class, **{**settings, **changes})  # type: ignore[arg-type]
    with quiet_training():
        return write_caption_set(request)


def list_steps(folder: Path) -> list[tuple[str, int]]:
    """Stage and step of every line of a run's log."""
    lines = map(json.loads, (folder / "log.jsonl").read_text().splitlines())
    return [(line["stage"], line["step"]) for line in lines]


def copy_stage_one(run: Path, out: Path) -> Path:
    """A folder in which stage 1 is done and stage 2 is not."""
    out.mkdir(parents=True)
    shutil.copytree(run / "sft", out / "sft")
    for name in ("seeds.tsv", "means.safetensors"):
        shutil.copyfile(run / name, out / name)
    return out


def test_the_chain_from_training_to_a_frozen_file(run: Path, tmp_path: Path) -> None:
    """By the command: every class, all valid, best first, none twice, with the card."""
    path = tmp_path / "toy.jsonl"
    assert main(["captions", "write", str(run), "--out", str(path), "-n", "4", "--device", "cpu"]) == 0
    captions = load_captions(path)
    assert captions.wnids == WNIDS
    for wnid, rows in captions.rows_by_wnid.items():
        rewards = [row.reward or 0.0 for row in rows]
        assert len(rows) == 4 and rewards == sorted(rewards, reverse=True)
        assert len({split_words(row.caption) for row in rows}) == 4, wnid
    card = captions.header.card
    assert card is not None and [stage.method for stage in card.stages] == ["sft", "grpo"]
    assert card.means.ref == "mini/renditions" and card.clip.spec == "open_clip:local-dir:tiny-clip"
    assert str(tmp_path) not in path.read_text() and str(run) not in path.read_text()


def test_the_whole_chain_from_training_to_an_evaluation(
    run: Path, clip: Path, tiny: Callable[[str], Path], tmp_path: Path
) -> None:
    """Captions, their ood split by a tiny diffusers pipeline, its filtered view, a model scored on it."""
    frozen = tmp_path / "toy.jsonl"
    assert main(["captions", "write", str(run), "--out", str(frozen), "-n", "3", "--device", "cpu"]) == 0
    captions = load_captions(frozen)
    prompts = {"recipe": "captions", "file": str(frozen), "sha256": captions.header.content_sha256}
    view = {"kind": "threshold", "column": "clip_score.clip", "minimum": -1.0}
    split = make_split("sd", classes=list(WNIDS), images_per_class=3, prompts=prompts,
                       scorers=["clip"], views={"clip-filtered": view})  # fmt: skip
    version = make_spec(
        {"sd": make_stage("StableDiffusionPipeline", tiny("sd"))}, {"ood": split},
        scorers={"clip": {"kind": "clip", "model": f"open_clip:local-dir:{clip}"}},
    )  # fmt: skip
    build(version, tmp_path / "release")
    words = ["--split", "tiny/ood:clip-filtered", "--data", f"tiny={tmp_path / 'release'}"]
    model = ["--model", "python:toy_models:make_colour_model", "--cache", str(tmp_path / "cache")]
    out = ["--out", str(tmp_path / "results"), "--reference", "published"]
    assert main(["evaluate", *model, *words, *out]) == 0
    (result,) = (tmp_path / "results").glob("*/result.json")
    (entry,) = load_result(result).entries
    assert (entry.n, entry.split.ref, entry.split.num_classes) == (12, "tiny/ood:clip-filtered", 4)
    rows = pq.read_table(
        tmp_path / "release" / "plan" / "ood.parquet", columns=["wnid", "prompt"]
    ).to_pylist()
    for wnid in WNIDS:
        assert tuple(row["prompt"] for row in rows if row["wnid"] == wnid) == captions.captions_of(wnid)


def test_written_captions_are_valid(run: Path, written: CaptionSet) -> None:
    """One grammatical sentence each, the class named."""
    indices = load_run(run).spec.class_indices
    for row in written.rows:
        index = indices[WNIDS.index(row.wnid)]
        assert find_faults(row.caption, index, names="open_clip", min_words=4, grammar="checked") == ()


def test_captions_follow_from_the_seed(run: Path, written: CaptionSet) -> None:
    """Others with another seed; that the same seed gives the same is shown by the run that was killed."""
    assert write(run, seed=5).header.content_sha256 != written.header.content_sha256


def test_a_class_short_of_captions_is_named(run: Path) -> None:
    """The model knows twelve sentences a class; fewer may be allowed."""
    with pytest.raises(DataError, match=r"has \d+ of 60 valid, distinct captions"):
        write(run, per_class=60)
    assert write(run, per_class=60, allow_fewer=True).header.num_captions < 240


def test_every_step_is_logged(run: Path) -> None:
    """Reward, validity, diversity and KL."""
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    steps = [line for line in lines if line["stage"] == "rl"]
    assert [line["step"] for line in steps] == list(range(1, RL_STEPS + 1))
    assert all({"reward", "valid", "cosine", "distinct_2", "kl"} <= line.keys() for line in steps)
    losses = [line["loss"] for line in lines if line["stage"] == "sft"]
    assert losses[-1] < losses[0] / 2


def test_a_killed_run_ends_at_the_same_captions(run: Path, written: CaptionSet, tmp_path: Path) -> None:
    """Killed in each stage between checkpoints, and a checkpoint left half written."""
    spec = load_run(run).spec
    assert train_and_die_each(spec, tmp_path / "again", ("sft: step 52", "rl: step 5")) == 0
    assert find_checkpoint(tmp_path / "again" / "rl") is not None
    resumed, notes = train(spec, tmp_path / "again")
    assert any(note.startswith("rl: resumes at step 3") for note in notes)
    assert resumed.stages == load_run(run).stages
    assert write(tmp_path / "again") == written
    assert list_steps(tmp_path / "again") == list_steps(run)


def test_a_run_that_is_done_is_left_as_it_is(run: Path) -> None:
    """The same command again trains nothing."""
    before = (run / "rl" / "stage.json").stat().st_mtime_ns
    again, notes = train(load_run(run).spec, run)
    assert again == load_run(run) and notes == []
    assert (run / "rl" / "stage.json").stat().st_mtime_ns == before


def test_other_settings_need_another_folder(run: Path) -> None:
    """Named with what changed."""
    spec = load_run(run).spec.model_copy(update={"seed": 7})
    with pytest.raises(InputError, match=r"other settings .*seed: 0 became 7"):
        train(spec, run)


def test_rloo_trains_too(run: Path, tmp_path: Path) -> None:
    """From the same stage 1, with its KL term."""
    spec = load_run(run).spec
    rl = spec.rl.model_copy(update={"method": "rloo", "steps": 2})
    done, _ = train(spec.model_copy(update={"rl": rl}), copy_stage_one(run, tmp_path / "rloo"))
    assert [stage.method for stage in done.stages] == ["sft", "rloo"]
    assert done.stages[1].weights_sha256 != load_run(run).stages[1].weights_sha256


def test_a_reward_of_nan_stops_with_the_step_and_the_caption(run: Path, tmp_path: Path) -> None:
    """Class means that are broken, as a broken CLIP gives them."""
    from dataclasses import replace

    out = copy_stage_one(run, tmp_path / "nan")
    means = load_class_means(out / "means.safetensors")
    broken = np.full_like(means.means, np.nan)
    record = means.record.model_copy(update={"sha256": hash_means(means.class_indices, broken)})
    write_class_means(out / "means.safetensors", replace(means, means=broken, record=record))
    with pytest.raises(ModelError, match=r"Step 1: the reward is nan for '.+', a caption of class '\w+'"):
        train(load_run(run).spec, out)


def test_fewer_images_than_a_mean_is_of_are_refused(clip: Path, tmp_path: Path) -> None:
    """With both counts: a mean of fewer would be recorded as one of all."""
    write_seeds(tmp_path / "seeds.tsv", WNIDS)
    spec = make_caption_spec(tmp_path, clip, means={"ref": "mini/renditions", "images_per_class": 128})
    with pytest.raises(InputError, match=r"means of 128 images, and class n\d+ \(.+\) has \d+ in 'mini/rend"):
        train(spec, tmp_path / "run")
    # Nothing is taken, so that the same folder serves once the settings are mended.
    assert not (tmp_path / "run").exists()


def test_gpt2_asks_for_a_training_set_before_any_model_is_fetched(tmp_path: Path) -> None:
    """128 images a class, which the validation set does not have; without one it says what is missing."""
    spec = load_caption_spec("gpt2")
    with pytest.raises(InputError, match=r"need 128 images of each class from '.*train'.*--means REF"):
        train(spec, tmp_path / "run")
    val = spec.model_copy(
        update={"means": spec.means.model_copy(update={"ref": "mini/real"}), "classes": "drawn-104"}
    )
    with pytest.raises(InputError, match=r"means of 128 images, and class n\d+ \(.+\) has 10 in 'mini/real'"):
        train(val, tmp_path / "run")


def test_gpt2_counts_the_images_of_the_training_set_that_is_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its name, as every other command takes it; two images a class are no mean of 128."""
    wnids = [load_classes()[index].wnid for index in load_class_set("imagenet-r-a").indices]
    data = write_class_folders(tmp_path / "train", wnids, per_class=2)
    words = ["captions", "train", "gpt2", "--data", f"imagenet-train={data}", "--out", str(tmp_path / "run")]
    assert main(words) == 2
    found = capsys.readouterr().err.splitlines()
    assert re.search(r"means of 128 images, and class n\d+ \(.+\) has 2 in 'imagenet-train'", found[-1])
    assert not (tmp_path / "run").exists()


def test_a_class_without_images_is_named(clip: Path, tmp_path: Path) -> None:
    """Before anything is trained."""
    wnids = ("n01440764", *WNIDS)
    write_seeds(tmp_path / "seeds.tsv", wnids)
    with pytest.raises(InputError, match=r"n01440764 \(tench\) has no image in 'mini/renditions'"):
        train(make_caption_spec(tmp_path, clip, classes=list(wnids)), tmp_path / "run")


def test_a_seed_longer_than_the_text_encoder_takes_is_shown(clip: Path, tmp_path: Path) -> None:
    """With the limit."""
    seeds = write_seeds(tmp_path / "seeds.tsv")
    long = "A tiger and " + "a very old friend of " * 14 + "mine sleep."
    seeds.write_text(f"{seeds.read_text()}{WNIDS[0]}\t{long}\n")
    with pytest.raises(InputError, match=r"1 of 49 seed captions are longer .*77 tokens.*A tiger and a very"):
        train(make_caption_spec(tmp_path, clip), tmp_path / "run")


@pytest.mark.parametrize(("tokens", "words"), [(5, "max_tokens = 5"), (200, "accepts 128 tokens")])
def test_captions_that_do_not_fit_the_language_model_are_refused(
    clip: Path, tmp_path: Path, tokens: int, words: str
) -> None:
    """Seeds longer than asked for, and more than the model takes."""
    with pytest.raises(InputError, match=words):
        train(make_caption_spec(tmp_path, clip, max_tokens=tokens), tmp_path / "run")


def test_a_folder_that_cannot_be_written_is_refused_at_once(clip: Path, tmp_path: Path) -> None:
    """Before a model is loaded."""
    (tmp_path / "taken").write_text("")
    with pytest.raises(StorageError, match="a file stands where a folder is needed"):
        train(make_caption_spec(tmp_path, clip), tmp_path / "taken" / "run")


def test_means_changed_after_they_were_made_are_refused(run: Path, tmp_path: Path) -> None:
    """By their hash."""
    means = load_class_means(run / "means.safetensors")
    means.means[0, 0] += 1
    write_class_means(tmp_path / "means.safetensors", means)
    with pytest.raises(DataError, match="were changed"):
        load_class_means(tmp_path / "means.safetensors")


def test_a_stage_is_not_resumed_under_other_settings(tmp_path: Path) -> None:
    """Seeds or a tokenizer exchanged between a kill and the next run; the checkpoint would fit."""
    assert resume_stage(tmp_path / "sft", 9, {"seeds_sha256": "a"}, print) == (None, 0)
    checkpoint = tmp_path / "sft" / "checkpoints" / "checkpoint-3"
    checkpoint.mkdir()
    (checkpoint / "trainer_state.json").write_text('{"global_step": 3}')
    assert resume_stage(tmp_path / "sft", 9, {"seeds_sha256": "a"}, print) == (checkpoint, 3)
    with pytest.raises(DataError, match="seeds_sha256: 'a' became 'b'"):
        resume_stage(tmp_path / "sft", 9, {"seeds_sha256": "b"}, print)
    (checkpoint.parent / "settings.json").unlink()
    with pytest.raises(DataError, match="to train again"):
        resume_stage(tmp_path / "sft", 9, {"seeds_sha256": "a"}, print)


@pytest.mark.parametrize(
    ("tower", "setting", "value"), [("vision_cfg", "pool_type", "avg"), ("text_cfg", "pool_type", "first")]
)
def test_a_clip_that_was_edited_is_not_used_with_its_old_means(
    run: Path, clip: Path, tmp_path: Path, tower: str, setting: str, value: str
) -> None:
    """The weights are the same; half the rewards would be of one CLIP and half of another."""
    out = copy_stage_one(run, tmp_path / "again")
    config = clip / "open_clip_config.json"
    before = config.read_text()
    edited = json.loads(before)
    edited["model_cfg"][tower][setting] = value
    config.write_text(json.dumps(edited))
    try:
        with pytest.raises(DataError, match="were made by another CLIP"):
            train(load_run(run).spec, out)
        with pytest.raises(DataError, match="were made by another CLIP"):
            write(run)
    finally:
        config.write_text(before)


@pytest.mark.parametrize("stage", ["sft", "rl"])
def test_weights_exchanged_after_a_stage_are_refused(run: Path, tmp_path: Path, stage: str) -> None:
    """The record would name weights that wrote nothing."""
    shutil.copytree(run, tmp_path / "run")
    other = {"sft": "rl", "rl": "sft"}[stage]
    name = "model/model.safetensors"
    shutil.copyfile(run / other / name, tmp_path / "run" / stage / name)
    record = load_run(run).stages[0 if stage == "sft" else 1]
    with pytest.raises(DataError, match="are not those that stage"):
        load_finished(tmp_path / "run" / stage, record)
    assert load_finished(run / stage, record)


def test_an_old_record_of_means_is_written_as_it_was(run: Path) -> None:
    """A frozen file holds no word that it did not have; new means name their CLIP."""
    record = load_class_means(run / "means.safetensors").record
    assert record.clip_sha256 is not None
    assert "clip_sha256" not in record.model_copy(update={"clip_sha256": None}).model_dump_json()


def test_an_unfinished_run_writes_nothing(tmp_path: Path) -> None:
    """And says what to do."""
    with pytest.raises(DataError, match="holds no trained captions run"):
        write(tmp_path)


def test_every_class_is_asked_equally_often(clip: Path, tmp_path: Path) -> None:
    """Planned in one epoch, so that a resumed run asks the same."""
    spec = make_caption_spec(tmp_path, clip)
    questions = make_questions(spec)
    counts = {index: sum(q["class_index"] == index for q in questions) for index in spec.class_indices}
    assert set(counts.values()) == {RL_STEPS * 2 // 4} and questions == make_questions(spec)


def test_the_best_valid_captions_are_kept_once() -> None:
    """Case and marks make no second caption; banned words and faults are out."""
    captions = ["A tiger naps.", "A tiger naps!", "A nude tiger naps.", "a tiger", "The tiger sings."]
    ranked = rank_captions(captions, [0.1, 0.2, 0.9, 0.8, 0.3], [True, True, True, False, True], 5)
    assert ranked == [("The tiger sings.", 0.3), ("A tiger naps!", 0.2)]
