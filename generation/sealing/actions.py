"""The actions of `imagenet-g sibling`."""

from __future__ import annotations

from argparse import Namespace

from imagenet_g.benchmark.commands.options import HASHED_OPTIONS
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.terminal.text import print_line
from imagenet_g.generation.building.machine import read_machine


def run_build(arguments: Namespace) -> int:
    """Draw twins and commit to them."""
    from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
    from imagenet_g.benchmark.evaluation.cache import choose_cache_folder
    from imagenet_g.generation.building.progress import PrintingListener
    from imagenet_g.generation.rendering.engines import choose_engine
    from imagenet_g.generation.sealing.build import SealingRequest, build_siblings
    from imagenet_g.generation.verifying.regeneration import RegenerationSettings

    settings = RegenerationSettings(
        device=arguments.device,
        pipelines=tuple(arguments.pipeline),
        sources=arguments.sources,
        data=parse_data_pairs(arguments.data),
        cache=choose_cache_folder(arguments.cache),
        machine=read_machine(arguments),
    )
    request = SealingRequest(
        release=arguments.release,
        splits=tuple(dict.fromkeys(arguments.split)),
        key=arguments.key,
        out=arguments.out.expanduser(),
        images_per_class=arguments.images_per_class,
        settings=settings,
        engine=choose_engine("serial"),
    )
    for ref, record in build_siblings(request, PrintingListener()):
        print_line(f"{ref}: {record.num_images} private images, commitment {record.commitment}")
    print_line(
        f"The commitment stands in {arguments.release / 'manifest.json'}: publish that before the first "
        f"model is "
        f"scored. Keep {arguments.key} and {arguments.out} where maintainers alone can read them."
    )
    return 0


def run_check(arguments: Namespace) -> int:
    """Check plans, and files where they are given."""
    from imagenet_g.generation.sealing.opening import check_siblings

    for one in check_siblings(arguments.release, key=arguments.key, sealed=arguments.sealed):
        state = "sealed" if one.record.opened is None else "opened"
        files = "" if one.num_files is None else f"; {one.num_files} files have the hashes of their manifest"
        print_line(
            f"{one.public.ref}: {state}; key and public plan give the commitment, {one.record.num_images} "
            f"private images{files}"
        )
    return 0


def run_score(arguments: Namespace) -> int:
    """Run the model on the private images, test, and keep the counts."""
    from imagenet_g.benchmark.siblings.scores import format_verdict
    from imagenet_g.benchmark.storage import validate_writable, write_text
    from imagenet_g.generation.sealing.scoring import ScoringRequest, score_sibling

    # Before the model runs, which may take hours.
    validate_writable(arguments.out.parent)
    # With "=": a file whose name starts with a dash would otherwise be an option.
    options = [
        f"--{name.replace('_', '-')}={value}"
        for name in HASHED_OPTIONS
        if (value := getattr(arguments, name)) is not None
    ]
    score = score_sibling(
        ScoringRequest(
            release=arguments.release,
            sealed=arguments.sealed,
            answers=arguments.answers,
            options=(*options, f"--device={arguments.device}"),
        )
    )
    write_text(arguments.out, score.model_dump_json(indent=2) + "\n")
    # As the key is: of many variants of one model, such files tell which answers are right.
    arguments.out.chmod(0o600)
    test = score.test_again()
    public, private = sum(one.public for one in score.classes), sum(one.private for one in score.classes)
    print_line(
        f"public accuracy {sum(one.public_right for one in score.classes) / public:.4f} of {public} "
        f"images, private "
        f"{sum(one.private_right for one in score.classes) / private:.4f} of {private}; for maintainers alone"
    )
    print_line(
        f"{test.observed} right public answers in all strata, {test.expected:.1f} expected; "
        f"{test.decisive} strata "
        f"can tell; p = {test.p_value:.3g}"
    )
    print_line(format_verdict(score))
    print_line(f"wrote {arguments.out}; 'imagenet-g verify-submission --sibling {arguments.out}' takes it")
    return 0


def run_retire(arguments: Namespace) -> int:
    """Open the siblings of a release."""
    from imagenet_g.generation.sealing.opening import open_siblings

    for one in open_siblings(arguments.release, key=arguments.key, sealed=arguments.sealed):
        print_line(f"{one.public.ref}: opened, plan {one.plan.meta.plan_sha256}")
    print_line(
        f"The key stands in both manifests. Publish {arguments.release} and {arguments.sealed}; whoever "
        f"has the first "
        f"checks it by 'imagenet-g sibling check {arguments.release}'."
    )
    return 0


def run_simulate(arguments: Namespace) -> int:
    """Print the table of what is needed, and how often honest models are accused."""
    from imagenet_g.benchmark.siblings.matched import LEVEL
    from imagenet_g.benchmark.siblings.simulation import count_false_alarms, format_power

    if arguments.seed < 0:
        raise InputError(f"--seed {arguments.seed} is negative; give a whole number from 0.")
    print_line(f"Private images at which a cheat is found in 99 % of cases, at p <= {LEVEL:g}:")
    for line in format_power(worlds=arguments.worlds, seed=arguments.seed):
        print_line(line)
    alarms = count_false_alarms(worlds=arguments.honest_worlds, seed=arguments.seed)
    print_line(
        f"Honest models accused: {alarms.found} of {alarms.worlds:,}; the chance is below {alarms.high:.2g} "
        "(upper bound, confidence 95 %)"
    )
    return 0
