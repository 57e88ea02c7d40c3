"""The explorer: turn a scenario's settings and see two runs side by side, under the same random numbers.

Settings make scenarios (`configurations`), a thread runs the latest of them (`latest`), what came
out is a `pair`, and `LivePanel` draws it into one image that is replaced in place.
"""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from placement_sim.errors import InputError
from placement_sim.experiments.misfit import MisfitError
from placement_sim.experiments.scenario import Scenario
from placement_sim.reporting.live_panel import LivePanel
from placement_sim.upgrades import STRATEGIES
from placement_sim.widgets.configurations import SIDES, Configurations
from placement_sim.widgets.folds import Folds, Rows
from placement_sim.widgets.latest import Latest
from placement_sim.widgets.pair import Pair, Runs
from placement_sim.widgets.saving import Saving

MOST_PICTURES = 64
PROGRESS_EVERY_S = 0.1


def other_choice(scenario: Scenario) -> dict[str, str]:
    """Choose what side B has otherwise: another strategy for a fleet, else another rule.

    Raises
    ------
    StopIteration
        Never: there are several of both.
    """
    if scenario.fleet is None:
        return {"policy.name": "most_free" if scenario.policy.name == "stripe" else "stripe"}
    for name in ("software_swap", "os_swap", "recompose", "in_place"):
        if name == scenario.fleet.strategy.name:
            continue
        try:
            scenario.fleet.check_strategy(STRATEGIES[name]())
        except MisfitError:
            continue
        return {"fleet.strategy.name": name}
    return {}


class Explorer(widgets.VBox):  # type: ignore[misc]
    """Two configurations of a scenario as an app for JupyterLab and Voila; made by `explore`.

    Attributes
    ----------
    readout : str
        What is shown, as JSON: for tests and for screen readers of machines.
    """

    def __init__(self, scenario: Scenario, b: Mapping[str, str] | None = None) -> None:
        self.both = Configurations(scenario)
        for path, text in (other_choice(scenario) if b is None else b).items():
            self.both.put("B", path, text)
        self._runs, self._panel = Runs(), LivePanel()
        self._pictures: OrderedDict[Any, bytes] = OrderedDict()
        self._latest = Latest(self._work, self._done)
        self.pair: Pair | None = None
        self._changes, self._changed = 0, ""
        self._error: dict[str, str] | None = None
        self._time_s: float | None = None
        self._is_quiet = False
        self._told_s = 0.0
        self._warming: threading.Thread | None = None
        self._make_widgets()
        super().__init__([self._top(), self.saving.box, self.out])
        self.add_class("ps-explorer")
        self.update()

    # -- widgets -----------------------------------------------------------------------------

    def _make_widgets(self) -> None:
        self.rows = Rows(self.both, self.change)
        self.folds = Folds(self.rows)
        self.image = widgets.Image(format="png", layout={"width": "100%", "max_width": "954px", "min_height": "300px"})
        self.image.add_class("ps-picture")
        self.status = widgets.HTML(layout={"height": "28px", "flex": "1 1 auto"})
        self.progress = widgets.FloatProgress(min=0, max=1, layout={"width": "140px", "visibility": "hidden"})
        self.cancel_button = widgets.Button(description="Cancel", disabled=True, layout={"width": "80px"})
        self.cancel_button.on_click(lambda _: self.cancel())
        self.scrubber = widgets.IntSlider(
            0, 0, 1, description="t", readout=False, layout={"width": "340px"}, style={"description_width": "14px"}
        )
        self.scrubber.add_class("ps-time")
        self.scrubber.observe(self._scrubbed, "value")
        self.clock = widgets.Label()
        self.jump_button = widgets.Button(
            description="First difference", tooltip="go to the first event at which the two runs part", disabled=True
        )
        self.jump_button.on_click(lambda _: self.jump())
        self.object = widgets.Dropdown(
            description="map of", options=[], layout={"width": "250px"}, style={"description_width": "52px"}
        )
        self.object.observe(self._chosen, "value")
        self.disk = widgets.Dropdown(
            description="show", options=[("all disks", None)], layout={"width": "210px"},
            style={"description_width": "40px"}, tooltip="the map shows this disk dark, all others grey",
        )  # fmt: skip
        self.disk.observe(self._chosen, "value")
        self.parted = widgets.HTML()
        self.left_out = widgets.HTML()  # which maps cannot be chosen
        self.table = widgets.HTML()
        self.out = widgets.HTML()
        self.saving = Saving(self.both)

    def _top(self) -> widgets.HBox:
        unshown = [widgets.HTML(f"<small>{escape(self.both.left_out)}</small>")] if self.both.left_out else []
        controls = widgets.VBox([self.folds.box, *unshown], layout={
            "width": "440px", "flex": "0 0 440px", "max_height": "980px", "overflow": "hidden auto",
        })  # fmt: skip
        bar = widgets.HBox([self.status, self.progress, self.cancel_button], layout={"max_width": "954px"})
        when = widgets.HBox(
            [self.scrubber, self.clock, self.jump_button, self.object, self.disk], layout={"flex_flow": "row wrap"}
        )
        right = widgets.VBox([bar, self.image, when, self.parted, self.left_out, self.table], layout={
            "flex": "1 1 auto", "min_width": "0", "margin": "0 0 0 16px",
        })  # fmt: skip
        return widgets.HBox([controls, right])

    # -- what is asked -----------------------------------------------------------------------

    def change(self, side: str, path: str, text: str | None) -> None:
        """Change a setting of a side, "A" or "B"; None lets B have what A has. The latest change wins.

        A text that makes no scenario is not an exception: the error stands beside its control.
        """
        if text is None:
            self.both.join(path)
        else:
            self.both.put(side, path, text)
        self._changes, self._changed = self._changes + 1, path
        self.update()

    def update(self) -> None:
        """Run what is set, unless it is known already."""
        self.folds.arrange()
        scenarios = []
        for side in SIDES:
            try:
                scenarios.append(self.both.scenario(side))
            except InputError as error:
                self._refuse(error)
                return
        self._tell_error(None)
        self._told_s = time.monotonic()
        self._say("Computing …")
        self.cancel_button.disabled = False
        self._write_out()
        self._latest.submit((*scenarios, self._changes))

    def cancel(self) -> None:
        """Give up the run that is under way; what is shown stays."""
        self._latest.cancel()
        self._rest("Cancelled: the picture shows the last finished state.")
        self._write_out()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the picture shows what is set, or an error; False if time ran out."""
        return self._latest.wait(timeout_s)

    def _work(self, request: Any, wanted: Callable[[], bool]) -> Pair | None:
        a, b, _ = request

        def told(share: float, text: str) -> None:
            now_s = time.monotonic()
            if now_s - self._told_s > PROGRESS_EVERY_S:
                self._told_s = now_s
                self._latest.post(lambda: self._show_progress(share, text) if wanted() else None)

        pair = self._runs.pair(a, b, wanted, told)
        if pair is not None and wanted():
            self._panel.load()
        return pair

    # -- what comes back ---------------------------------------------------------------------

    def _show_progress(self, share: float, text: str) -> None:
        self.progress.layout.visibility = "visible"
        self.progress.value = share
        self._say(f"Computing {text}")

    def _done(self, request: Any, pair: Pair | None, error: Exception | None) -> None:
        if error is not None:
            if isinstance(error, InputError):
                self._refuse(error)
            else:
                self._refuse(InputError("run", f"{type(error).__name__}: {error}", "change the setting back"))
            return
        if pair is None:
            return
        self.pair = pair
        self._is_quiet = True
        last = len(pair.times_s) - 1
        if self._time_s is None:
            self._time_s = float(pair.times_s[last // 2])
        self.scrubber.max = max(last, 1)
        self.scrubber.value = self._moment()
        _offer(self.object, pair.objects)
        _offer(self.disk, [("all disks", None), *((name, name) for name in pair.disks)])
        self._is_quiet = False
        self.table.value = pair.table()
        found = pair.difference
        self.jump_button.disabled = found is None
        text = "The two runs are the same, event by event."
        if found is not None:
            text = f"They part at {found.time_s:.6g} s: {found.what}."
        if any(run.records is None for run in pair.runs):
            text += " Too many requests to compare one by one: only maps, steps and events were."
        self.parted.value = f"<small>{escape(text)}</small>"
        self.left_out.value = f"<small>{escape(pair.left_out)}</small>"
        self._rest("A and B share seed and random numbers.")
        self.draw()
        if self._latest.is_live:
            self._warm_up()

    def warm(self) -> None:
        """Load the compiled data path for all rules, those shown first; in a notebook this goes on by itself, later."""
        if self.pair is not None:
            self._runs.warm(self.pair, self._pause)

    def _pause(self) -> None:
        """Let what a user waits for go first."""
        while self._latest.is_busy:
            time.sleep(0.05)

    def _warm_up(self) -> None:
        """Load it in a thread of its own, while the user looks at the first picture."""
        if self._warming is None or not self._warming.is_alive():
            self._warming = threading.Thread(target=self.warm, name="explorer warms up", daemon=True)
            self._warming.start()

    def _refuse(self, error: InputError) -> None:
        self._latest.cancel()
        self._tell_error(error)
        self._rest("Not run: see the error. The picture shows the last finished state.", is_error=True)
        self._write_out()

    def _tell_error(self, error: InputError | None) -> None:
        path = None if error is None else self.both.setting_at(error.place, self._changed) or self._changed
        # Beside the control that the error names, and beside the one that was turned: its page is open.
        if path:
            self.rows[path]  # made, though its page may not have been opened yet
        for known, row in self.rows.made.items():
            row.tell(str(error) if error is not None and known in (path, self._changed) else "")
        self._error = None if error is None else {"place": error.place, "beside": path or "", "message": str(error)}
        self._general = "" if error is None or path else str(error)

    def _rest(self, text: str, is_error: bool = False) -> None:
        self.progress.layout.visibility = "hidden"
        self.progress.value = 0
        self.cancel_button.disabled = True
        self._say(f"{self._general} {text}" if self._general else text, is_error)

    def _say(self, text: str, is_error: bool = False) -> None:
        colour = "color:#a30000" if is_error else ""
        self.status.value = f'<span role="status" style="{colour}">{escape(text)}</span>'

    # -- one moment --------------------------------------------------------------------------

    def _moment(self) -> int:
        assert self.pair is not None and self._time_s is not None
        times = self.pair.times_s
        return int(min(range(len(times)), key=lambda i: abs(float(times[i]) - float(self._time_s or 0.0))))

    def _scrubbed(self, change: dict[str, Any]) -> None:
        if not self._is_quiet and self.pair is not None:
            self._time_s = float(self.pair.times_s[min(change["new"], len(self.pair.times_s) - 1)])
            self.draw()

    def _chosen(self, change: dict[str, Any]) -> None:
        if not self._is_quiet:
            self.draw()

    def jump(self) -> None:
        """Go to the end of the window in which the two runs part."""
        if self.pair is not None and self.pair.difference is not None:
            times = self.pair.times_s
            late = [i for i, end_s in enumerate(times) if end_s >= self.pair.difference.time_s]
            self.scrubber.value = late[0] if late else len(times) - 1

    def draw(self) -> None:
        """Put the picture of the present moment in place of the last."""
        if self.pair is None or self._time_s is None:
            return
        time_s = float(self.pair.times_s[self._moment()])
        key = (*(scenario.to_toml() for scenario in self.pair.scenarios), time_s, self.object.value, self.disk.value)
        if key not in self._pictures:
            left, right = self.pair.sides(time_s, self.object.value)
            name = self.object.label or "no object"
            self._pictures[key] = self._panel.png(left, right, time_s=time_s, title=name, disk=self.disk.value)
            while len(self._pictures) > MOST_PICTURES:
                self._pictures.popitem(last=False)
        self._pictures.move_to_end(key)
        self.image.value = self._pictures[key]
        self.clock.value = f"{time_s:.6g} s"
        self._write_out()

    # -- for machines ------------------------------------------------------------------------

    @property
    def readout(self) -> str:
        """What is shown, as JSON."""
        state: dict[str, Any] = {
            "changes": self._changes,
            "busy": not self.cancel_button.disabled,
            "error": self._error,
        }
        if self.pair is not None and self._time_s is not None:
            time_s = float(self.pair.times_s[self._moment()])
            found = self.pair.difference
            state |= {
                "time_s": time_s,
                "object": self.object.label,
                "disk": self.disk.value,
                "left_out": [text for text in (self.both.left_out, self.pair.left_out) if text],
                "first_difference_s": None if found is None else found.time_s,
            }
            for side, name in enumerate(SIDES):
                scenario = self.pair.scenarios[side]
                state[name] = {
                    "scenario": scenario.to_dict(),
                    "at": self.pair.at(side, time_s),
                    "summary": self.pair.summary(side),
                }
        return json.dumps(state, sort_keys=True)

    def _write_out(self) -> None:
        self.out.value = f'<pre class="ps-readout" hidden>{escape(self.readout)}</pre>'
        self.saving.show()


def _offer(choice: widgets.Dropdown, options: list[tuple[str, Any]]) -> None:
    """Give a list other options, if they are others; what was chosen stays where it can."""
    if options != list(choice.options):
        kept = choice.value
        choice.options = options
        choice.value = kept if kept in dict(options).values() else options[0][1] if options else None


def explore(scenario: Scenario | str | Path, b: Mapping[str, str] | None = None) -> Explorer:
    """Explore a scenario: its settings as controls, two configurations side by side, any moment of their runs.

    Parameters
    ----------
    scenario
        The scenario, or its file. With a fleet the explorer shows the upgrade, too.
    b
        Settings in which side B differs at first, path to text: ``{"policy.name": "stripe"}``. By default
        another strategy, or without a fleet another placement rule.

    Returns
    -------
    Explorer
        A widget; a notebook shows it when it is a cell's last value.

    Raises
    ------
    InputError
        The file cannot be read, or `b` names a setting that the scenario does not have.

    Examples
    --------
    >>> scenario = Scenario.from_text('''
    ... objects = [{name = "vm", size = "64 MiB", block_size = "1 MiB"}]
    ... disks = [{name = "d", count = 2, capacity = "1 GiB", service = {kind = "exponential", mean = "5 ms"}}]
    ... [[workloads]]
    ... name = "w"
    ... object = "vm"
    ... synthetic = {requests = 10, size = "4 KiB", arrivals = {law = "poisson", rate = 100}}
    ... ''')
    >>> app = explore(scenario, b={"policy.name": "stripe"})
    >>> app.wait()
    True
    >>> json.loads(app.readout)["B"]["summary"]["finished_requests"]
    10.0
    """
    return Explorer(scenario if isinstance(scenario, Scenario) else Scenario.from_toml(scenario), b)
