"""The actions of `imagenet-g audit`."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.terminal.text import print_line

if TYPE_CHECKING:
    from imagenet_g.benchmark.audits.drawing import Population
    from imagenet_g.benchmark.audits.files import LoadedSample
    from imagenet_g.benchmark.splits.references import SplitRef
    from imagenet_g.benchmark.splits.splits import Split


def run_make(arguments: Namespace) -> int:
    """Draw the sample and write it."""
    from imagenet_g.benchmark.audits.drawing import draw_sample
    from imagenet_g.benchmark.audits.files import write_sample
    from imagenet_g.benchmark.splits.real_set_files import load_sets
    from imagenet_g.benchmark.splits.references import parse_split_ref
    from imagenet_g.benchmark.storage import validate_writable

    validate_writable(arguments.out)
    if arguments.seed < 0:
        raise InputError(f"--seed {arguments.seed} is negative; give a whole number from 0.")
    sets = load_sets(arguments.sets)
    split = parse_split_ref(arguments.split, sets)
    # Opened first: an unknown split is said before a reference for it is looked for.
    population = _open_population(split, arguments)
    reference = _choose_reference(arguments, split) if arguments.controls else None
    sample = draw_sample(
        population,
        None if reference is None else _open_population(reference, arguments),
        num_images=arguments.num,
        control_share=arguments.controls,
        seed=arguments.seed,
    )
    path = write_sample(arguments.out, sample)
    roles = [item.role for item in sample.items]
    print_line(
        f"{roles.count('generated')} images of {sum(found.drawn > 0 for found in sample.strata.values())} of "
        f"{len(sample.strata)} classes, {roles.count('right control')} right and "
        f"{roles.count('wrong control')} wrong controls"
        f"{'' if sample.reference is None else f' from {sample.reference.ref}'}"
    )
    print_line(f"wrote {path}; 'imagenet-g audit serve {arguments.out}' asks raters")
    return 0


def _choose_reference(arguments: Namespace, split: SplitRef) -> SplitRef:
    from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
    from imagenet_g.benchmark.catalogue.clean_sets import choose_default_reference
    from imagenet_g.benchmark.splits.real_set_files import load_sets
    from imagenet_g.benchmark.splits.references import parse_split_ref

    sets = load_sets(arguments.sets)
    if arguments.reference is not None:
        return parse_split_ref(arguments.reference, sets)
    chosen = choose_default_reference(split, parse_data_pairs(arguments.data, sets), sets)
    if chosen.ref is None:
        raise InputError(
            f"Controls are real images of {chosen.name}, which is not available here. Give it with --data "
            f"{chosen.name}=PATH, name other real images with --reference, or draw none with --controls 0."
        )
    print_line(f"controls from {chosen.name}: {chosen.reason}")
    return chosen.ref


def _open_population(ref: SplitRef, arguments: Namespace) -> Population:
    from imagenet_g.benchmark.audits.drawing import make_population
    from imagenet_g.benchmark.catalogue.catalogue import load_split, parse_data_pairs
    from imagenet_g.benchmark.splits.real_set_files import load_sets

    data = parse_data_pairs(arguments.data, load_sets(arguments.sets))
    return make_population(load_split(ref, data=data, cache=arguments.cache), ref.view)


def run_serve(arguments: Namespace) -> int:
    """Open the raters' page."""
    from imagenet_g.benchmark.audits.files import load_sample
    from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
    from imagenet_g.benchmark.splits.real_set_files import load_sets
    from imagenet_g.leaderboard.serving.serving import require_port

    # First: a wrong folder is said at once, whatever is installed.
    load_sample(arguments.folder)
    try:
        from imagenet_g.leaderboard.rating_page.server import open_desk, run_rating_server
    # Gradio and its web server are an optional extra; everything else of an audit works without them.
    except ImportError as error:
        raise InputError(f"The page needs {error.name}: pip install 'imagenet-g[leaderboard]'.") from error
    # Before the images are hashed, which may take minutes.
    require_port(arguments.host, arguments.port)
    sets = load_sets(arguments.sets)
    data = parse_data_pairs(arguments.data, sets)
    desk = open_desk(arguments.folder, data=data, sets=sets, cache=arguments.cache)
    run_rating_server(desk, host=arguments.host, port=arguments.port)
    return 0


def run_report(arguments: Namespace) -> int:
    """Compute, print and write the report."""
    from imagenet_g.benchmark.audits.files import make_report_path
    from imagenet_g.benchmark.audits.measure import measure_audit_folder
    from imagenet_g.benchmark.audits.report import make_report
    from imagenet_g.benchmark.storage import write_text
    from imagenet_g.benchmark.terminal.tables import print_shown

    section = measure_audit_folder(arguments.folder)
    print_shown(make_report(section))
    path = make_report_path(arguments.folder, simulated=section.simulated)
    write_text(path, section.model_dump_json(indent=2) + "\n")
    print_line(f"wrote {path}")
    if arguments.results:
        _report_valid_accuracy(arguments)
    return 0


def _report_valid_accuracy(arguments: Namespace) -> None:
    """Accuracy and gap of stored results over the valid images."""
    from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
    from imagenet_g.benchmark.filter_effects.audited_tables import make_valid_table
    from imagenet_g.benchmark.filter_effects.audited_views import make_valid_path, measure_audited_results
    from imagenet_g.benchmark.splits.real_set_files import load_sets
    from imagenet_g.benchmark.storage import write_text
    from imagenet_g.benchmark.terminal.tables import print_shown

    data = parse_data_pairs(arguments.data, load_sets(arguments.sets))
    section = measure_audited_results(arguments.folder, arguments.results, data=data)
    print_shown(make_valid_table(section))
    path = make_valid_path(arguments.folder, simulated=section.simulated)
    write_text(path, section.model_dump_json(indent=2) + "\n")
    print_line(f"wrote {path}")


def run_export(arguments: Namespace) -> int:
    """Write tasks, pictures and the labelling interface for Label Studio."""
    import json

    from imagenet_g.benchmark.audits.files import load_all_ratings, load_sample
    from imagenet_g.benchmark.audits.label_studio import CONFIG, make_tasks
    from imagenet_g.benchmark.storage import validate_writable, write_text

    sample = load_sample(arguments.folder)
    raters = load_all_ratings(arguments.folder, sample) if arguments.with_ratings else ()
    validate_writable(arguments.to)
    num_new = _write_pictures(arguments, sample)
    images = {item: f"{arguments.prefix}{item}.png" for item in sample.items}
    tasks = make_tasks(sample, images, raters)
    write_text(arguments.to / "label-studio.xml", CONFIG)
    # Last: its presence means that every picture is there.
    write_text(arguments.to / "tasks.json", json.dumps(tasks, indent=1, ensure_ascii=False) + "\n")
    print_line(
        f"wrote {len(tasks)} tasks ({num_new} new pictures, {len(raters)} raters) to {arguments.to}; paste "
        "label-studio.xml into a project and import tasks.json"
    )
    return 0


def _write_pictures(arguments: Namespace, sample: LoadedSample) -> int:
    import io

    from imagenet_g.benchmark.splits.readable import load_image
    from imagenet_g.benchmark.storage import write_bytes

    splits = _open_images(arguments, sample)
    rows = {
        name: {key: row for row, key in enumerate(split.rows.image_ids)} for name, split in splits.items()
    }
    num_new = 0
    for item in sample.sample.items:
        path = arguments.to / "images" / f"{item.item}.png"
        # Whole or absent, so that a second run goes on where a stopped one was.
        if path.exists():
            continue
        side = "split" if item.role == "generated" else "reference"
        stream = io.BytesIO()
        # One format for all: a file's own would show which images are real.
        load_image(splits[side], rows[side][item.image_id]).save(stream, format="PNG")
        write_bytes(path, stream.getvalue())
        num_new += 1
    return num_new


def _open_images(arguments: Namespace, sample: LoadedSample) -> dict[str, Split]:
    """The split and the reference of a sample, whole, by what an item calls them."""
    from imagenet_g.benchmark.catalogue.catalogue import load_split, parse_data_pairs
    from imagenet_g.benchmark.splits.real_set_files import load_sets
    from imagenet_g.benchmark.splits.references import parse_split_ref

    sets = load_sets(arguments.sets)
    data = parse_data_pairs(arguments.data, sets)
    records = {"split": sample.sample.split, "reference": sample.sample.reference}
    opened = {}
    for name, record in records.items():
        if record is None:
            continue
        split = load_split(parse_split_ref(record.base_ref, sets), data=data, cache=arguments.cache)
        if split.record.content_sha256 != record.content_sha256:
            raise InputError(
                f"'{record.base_ref}' has other images here than the sample was drawn from; "
                f"give the right copy with --data."
            )
        opened[name] = split
    return opened


def run_import(arguments: Namespace) -> int:
    """Add the ratings of an export of Label Studio."""
    from imagenet_g.benchmark.audits.files import append_ratings, load_all_ratings, load_sample, start_ratings
    from imagenet_g.benchmark.audits.label_studio import MAX_EXPORT_BYTES, read_export

    sample = load_sample(arguments.folder)
    before = {found.header.rater: found for found in load_all_ratings(arguments.folder, sample)}
    if not arguments.file.is_file():
        raise InputError(f"There is no file '{arguments.file}'.")
    if arguments.file.stat().st_size > MAX_EXPORT_BYTES:
        raise InputError(f"'{arguments.file}' is larger than {MAX_EXPORT_BYTES >> 20} MiB; it is no export.")
    data = arguments.file.read_bytes()
    found = read_export(data, sample, name=arguments.file, predictions=arguments.predictions)
    if not found:
        kind = "predictions of simulated raters" if arguments.predictions else "annotations"
        raise InputError(f"'{arguments.file}' has no {kind}.")
    if before and next(iter(before.values())).header.simulated != arguments.predictions:
        raise InputError(
            f"'{arguments.folder}' has ratings of the other kind (of people, or simulated); "
            "import these into a copy of its sample.json."
        )
    for code, (header, ratings) in found.items():
        known = before[code].answers if code in before else {}
        new = [rating for rating in ratings if known.get(rating.item) != rating]
        append_ratings(start_ratings(arguments.folder, header), new)
        print_line(f"{code}: {len(new)} new ratings of {len(ratings)}")
    return 0


def run_attach(arguments: Namespace) -> int:
    """Make an audit a part of a release."""
    from imagenet_g.benchmark.audits.attaching import attach_audit

    ref, view = attach_audit(arguments.release, arguments.folder)
    print_line(f"{arguments.release}: the manifest lists the audit; its view is {ref}:{view}")
    print_line("a published tag keeps its own manifest: publish the release with its audit under a new tag")
    return 0


def run_detach(arguments: Namespace) -> int:
    """Take an audit out of a release."""
    from imagenet_g.benchmark.audits.attaching import detach_audit

    split, _, view = arguments.view.partition(":")
    detach_audit(arguments.release, split, view)
    print_line(f"{arguments.release}: the audit {arguments.view} is no longer a part of it")
    return 0


def run_simulate(arguments: Namespace) -> int:
    """Write the ratings of a simulated panel."""
    from imagenet_g.benchmark.audits.files import append_ratings, load_all_ratings, load_sample, start_ratings
    from imagenet_g.benchmark.audits.simulation import PanelSpec, simulate_panel

    sample = load_sample(arguments.folder)
    if load_all_ratings(arguments.folder, sample):
        raise InputError(f"'{arguments.folder}' has ratings already; simulate in a copy of its sample.json.")
    spec = PanelSpec(
        num_raters=arguments.raters,
        sensitivity=arguments.sensitivity,
        specificity=arguments.specificity,
        cannot_say=arguments.cannot_say,
        hardness=arguments.hardness,
    )
    panel = simulate_panel(
        sample, spec, validity=arguments.validity, spread=arguments.spread, seed=arguments.seed
    )
    for header, ratings in panel:
        path = start_ratings(arguments.folder, header)
        append_ratings(path, ratings)
        print_line(f"wrote {path}: {len(ratings)} SIMULATED ratings")
    print_line("they say nothing about the images: a program made them")
    return 0


def run_coverage(arguments: Namespace) -> int:
    """Simulate audits whose true share is known, one row a world."""
    from imagenet_g.benchmark.audits.coverage import WORLDS, simulate_coverage
    from imagenet_g.benchmark.audits.report import make_coverage_table
    from imagenet_g.benchmark.terminal.tables import print_shown

    found = {
        name: simulate_coverage(world, num_runs=arguments.runs, seed=arguments.seed)
        for name, world in WORLDS.items()
    }
    print_shown(make_coverage_table(found, num_runs=arguments.runs, seed=arguments.seed))
    return 0
