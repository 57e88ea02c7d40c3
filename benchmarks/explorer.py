"""Time from a release in the browser to the changed picture: ``python benchmarks/explorer.py [voila|jupyterlab]``.

Aims: 300 ms, 150 ms for what was seen. The default scale is docs/images/placement.toml: two runs of 60 s, 7,200
requests each. A headless Chromium moves sliders and boxes as a user does; the clock runs in the page, from
the event of the release until the frame that shows the new picture.
"""

import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from browser import page  # noqa: E402
from servers import PLACES  # noqa: E402

from placement_sim.widgets.controls import css_name  # noqa: E402

READ_SHARE = "workloads[0].synthetic.read_share"
RULES = ["least_queue", "random", "round_robin", "d_choices", "jump", "straw2"]
# Notes when a key or the mouse is released, and when the picture that follows is in the frame that is shown next.
CLOCK = """() => {
  const img = document.querySelector('img.ps-picture, .ps-picture img');
  window.psTimes = [];
  for (const name of ['keydown', 'mouseup', 'change'])
    window.addEventListener(name, () => { window.psBegun = performance.now(); window.psShown = false; }, true);
  img.addEventListener('load', () => requestAnimationFrame(() => requestAnimationFrame(() => {
    window.psTimes.push(performance.now() - window.psBegun); window.psShown = true; })));
}"""
QUIET = "() => { const e = document.querySelector('.ps-readout'); return e && !JSON.parse(e.textContent).busy; }"


def _taken_ms(tab: Any, change: Callable[[], None]) -> float:
    """Make a change and give the milliseconds until its picture, as the page's own clock has them."""
    before = tab.evaluate("() => window.psTimes.length")
    change()
    tab.wait_for_function(f"() => window.psShown && window.psTimes.length > {before}", timeout=20_000, polling=10)
    tab.wait_for_function(QUIET)
    return float(tab.evaluate("() => window.psTimes[window.psTimes.length - 1]"))


def _cases(tab: Any) -> dict[str, tuple[list[Callable[[], None]], float]]:
    """List what a user does: name -> (changes, aim in milliseconds)."""
    share = tab.locator(f".{css_name(READ_SHARE)} .noUi-handle").first
    time_handle = tab.locator(".ps-time .noUi-handle")
    rule = tab.locator(f".{css_name('policy.name')} .ps-side-b select")

    def drag() -> None:
        share.scroll_into_view_if_needed()
        box = share.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        tab.mouse.move(x, y)
        tab.mouse.down()
        tab.mouse.move(x + 7, y, steps=3)
        tab.mouse.up()

    def press(handle: Any, key: str) -> Callable[[], None]:
        return lambda: handle.press(key)

    def choose(name: str) -> Callable[[], None]:
        return lambda: rule.select_option(name)

    return {
        "a slider dragged by mouse and released": ([drag] * 6, 300),
        "a slider by keyboard": ([press(share, "ArrowRight")] * 5, 300),
        "a slider back by keyboard, what was seen": ([press(share, "ArrowLeft")] * 5, 150),
        "the rule of one side": ([choose(name) for name in RULES], 300),
        "a rule that was seen": ([choose(name) for name in RULES], 150),
        "time by keyboard": ([press(time_handle, "ArrowRight")] * 12, 150),
    }


def main(place: str) -> None:
    """Open an explorer, wait until it is at rest, and print a line for each case."""
    cells = ("from placement_sim import explore", f"app = explore({str(ROOT / 'docs/images/placement.toml')!r})\napp")
    with tempfile.TemporaryDirectory() as home, page(1700, 1500) as tab:
        with PLACES[place](tab, Path(home), *cells):
            tab.wait_for_function(QUIET, timeout=120_000)
            tab.wait_for_timeout(15_000)  # rules are loaded meanwhile, as they are while a user looks
            tab.get_by_text("Workloads", exact=True).click()
            tab.evaluate(CLOCK)
            for name, (changes, aim_ms) in _cases(tab).items():
                if "rule" in name and not tab.locator(f".{css_name('policy.name')}").is_visible():
                    tab.get_by_text("Placement policy", exact=True).click()
                taken = [_taken_ms(tab, change) for change in changes]
                verdict = "met" if max(taken) <= aim_ms else "MISSED"
                print(f"{place}: {name}: median {statistics.median(taken):.0f} ms, longest {max(taken):.0f} ms; "
                      f"aim {aim_ms:.0f} ms {verdict}")  # fmt: skip


if __name__ == "__main__":
    for chosen in sys.argv[1:] or ["voila", "jupyterlab"]:
        main(chosen)
