from __future__ import annotations

from jetcal.evaluation.page.plots.training import learning
from jetcal_api.results import Member, TrainResult


def course(first, epochs):
    return [{"validation_loss": first / (1 + epoch), "train_loss": first / (2 + epoch)} for epoch in range(epochs)]


def trained(*courses):
    best = {"hyperparameters": {}, "metrics": {}, "best_epoch": 2}
    members = [
        Member(seed=seed, checkpoint="best.pt", best_epoch=2, metrics={}, history=history)
        for seed, history in enumerate(courses)
    ]
    return TrainResult(
        uri="result.json",
        checkpoint="best.pt",
        epochs=2,
        parameters=1,
        history=courses[0],
        members=members if len(members) > 1 else [],
        **best,
    )


def drawn_lines(plot):
    """Solid lines and dashed lines with markers, as many as courses are drawn."""
    return plot.svg.count("2257c4"), plot.svg.count("d9760a")


def test_the_course_of_every_member_is_drawn():
    single, both = learning(trained(course(1.0, 3))), learning(trained(course(1.0, 3), course(0.9, 3)))
    assert all(more > fewer for more, fewer in zip(drawn_lines(both), drawn_lines(single), strict=True))
    assert both.title == "Course of the training, 2 members"
    assert single.title == "Course of the training"


def test_a_training_without_its_course_has_no_plot():
    assert learning(trained([])) is None
