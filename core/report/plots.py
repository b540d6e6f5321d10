"""The plots of a report: the same figures as on the pages, as data that the page draws when it is looked at."""

from collections.abc import Iterator
from typing import NamedTuple

from markupsafe import Markup

from core.figures import Titled, all_against_all, of_one, right_answers
from core.report.facts import Findings


class Plot(NamedTuple):
    """A figure's title, a sentence on how to read it, its height in pixels, and its JSON, safe inside a script."""

    title: str
    reads: str
    height: int
    json: Markup

    @classmethod
    def of(cls, titled: Titled, output: str = "") -> "Plot":
        # The page itself gives ground, ink and letters, of day and of night.
        figure = titled.figure.update_layout(template=None, paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)")
        title = titled.title + (f" · {output}" if output else "")
        return cls(title, titled.reads, int(figure.layout.height), Markup(figure.to_json().replace("<", "\\u003c")))


class Plots(NamedTuple):
    """`together` are of all copies, `each` those of one copy and output by their title; `same` are copies without."""

    together: list[Plot]
    each: dict[str, list[Plot]]
    same: list[str]


def plots(findings: Findings) -> Plots:
    """All plots of a comparison. Of what is bit-identical there is nothing to draw."""
    many = len(findings.outputs) > 1
    each, far, same = {}, {}, []
    for output, numbers in findings.outputs.items():
        for id_, one in numbers.items():
            title = findings.names[id_] + (f" · {output}" if many else "")
            if one["identical"]:
                same.append(title)
            elif one["histogram"]:
                far[title] = float(one["atol_needed"])
                each[title] = [Plot.of(drawn) for drawn in of_one(one, findings.run.labels, findings.names[id_])]
    # The page opens the first: the copy that is furthest off.
    furthest = sorted(each, key=far.get, reverse=True)
    return Plots(list(_together(findings, many)), {title: each[title] for title in furthest}, same)


def _together(findings: Findings, many: bool) -> Iterator[Plot]:
    if len(findings.job.result["matrix"]["ids"]) > 1:
        yield Plot.of(all_against_all(findings.job.result["matrix"], findings.names))
    for output, numbers in findings.outputs.items():
        if drawn := right_answers(numbers, findings.names, findings.baseline):
            yield Plot.of(drawn, output if many else "")
