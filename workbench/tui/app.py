"""The program `dse ui`: which screens there are, how one moves between them, and what a user has set up.

Runs are processes of their own: whatever happens to this one happens to none of them. The lab is read through a
connection that cannot write; a thread asks it twice a second whether it has changed, and the screen that is shown
reads again what it shows.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any, ClassVar, Final

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen
from textual.theme import Theme

from store.address import Where
from store.errors import StoreError
from workbench.errors import UserError
from workbench.tui.config import Config, config_path
from workbench.tui.labfile import LabFile, Version
from workbench.tui.screens.base import LabScreen
from workbench.tui.screens.help import Entry, Help
from workbench.tui.screens.runs import Runs
from workbench.views.text import plain

LOOK_SECONDS: Final = 0.5
"""How often the lab is asked whether it has changed: what is shown is repainted no oftener."""
IDLE_SECONDS: Final = 2.0
"""Ages grow and processes die without a word in the lab, so that it is read again after so long in any case."""
SIXTEEN: Final = "ansi-dark"
"""The theme for terminals of sixteen colours, whose own they are."""


@dataclass
class LabChanged(Message):
    """The lab is no longer as it was read, or cannot be read, and why."""

    problem: str | None


class Workbench(App[None]):
    """The application. It knows its screens, and the lab they show."""

    TITLE = "dse"
    CSS = """
    Screen { layers: base; }
    .narrow .wide-only { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "go('runs')", "Runs", id="go.runs", show=False),
        Binding("2", "go('launch')", "New run", id="go.launch", show=False),
        Binding("3", "go('knowledge')", "Knowledge", id="go.knowledge", show=False),
        Binding("4", "go('sweeps')", "Sweeps", id="go.sweeps", show=False),
        Binding("5", "go('database')", "Database", id="go.database", show=False),
    ]
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012  # Textual declares it so
        (0, "narrow"),
        (100, "wide"),
    ]

    def __init__(self, path: Where, *, config: Config | None = None, config_file: Path | None = None) -> None:
        super().__init__()
        self.lab = LabFile(path)
        self._config_file = config_file or config_path()
        self._over = Event()
        self._misread: str | None = None
        try:
            self._config = config or Config.read(self._config_file)
        except UserError as error:
            self._config, self._misread = Config(), str(error)

    @property
    def mouse(self) -> bool:
        """Whether the mouse is the UI's; if not, the terminal selects text by it."""
        return self._config.mouse

    def on_mount(self) -> None:
        if self._config.theme in self.available_themes:
            self.theme = self._config.theme
        elif self.console.color_system in ("standard", "windows"):
            self.theme = SIXTEEN
        self.theme_changed_signal.subscribe(self, self._keep_theme)
        self.set_keymap(self._config.keys)
        self.push_screen(Runs())
        self.run_worker(self._watch, thread=True, group="watch", exit_on_error=False)
        if self._misread is not None:
            self.notify(plain(self._misread), severity="warning", markup=False)

    def on_unmount(self) -> None:
        self._over.set()
        self.lab.close()

    def _keep_theme(self, theme: Theme) -> None:
        if theme.name == self._config.theme:
            return
        self._config = self._config.with_theme(theme.name)
        try:
            self._config.write(self._config_file)
        except OSError as error:
            said = plain(f"The theme is not kept: {self._config_file}: {error.strerror}")
            self.notify(said, severity="warning", markup=False)

    # Watching the lab

    def _watch(self) -> None:
        """In a thread of its own: says when the lab has changed."""
        seen: Version | None = None
        told, problem = 0.0, None
        while not self._over.wait(LOOK_SECONDS):
            before: str | None = problem
            try:
                version, problem = self.lab.version(), None
            except StoreError as error:
                version, problem = None, str(error)
            due = monotonic() - told > IDLE_SECONDS and problem is None
            if version != seen or problem != before or due:
                seen, told = version, monotonic()
                self.post_message(LabChanged(problem))

    def on_lab_changed(self, message: LabChanged) -> None:
        for screen in self.screen_stack[-2:]:  # the one shown, and the one behind a dialog
            if isinstance(screen, LabScreen) and screen.is_mounted:
                screen.lab_changed(message.problem)

    # Moving about

    def action_go(self, name: str) -> None:
        """To one of the main screens."""
        while len(self.screen_stack) > 2:
            self.pop_screen()
        if name != "runs":
            self.push_screen(_main(name))

    def action_leave(self) -> None:
        if len(self.screen_stack) > 2:
            self.pop_screen()

    def action_help(self) -> None:
        screen = self.screen
        foot = f"Other keys, by the names at the right, the theme and the mouse: {self._config_file}"
        if isinstance(screen, LabScreen):
            self.push_screen(Help(screen.heading(), _entries(screen), plain(foot)))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        yield from super().get_system_commands(screen)
        for active in list(screen.active_bindings.values()):
            binding = active.binding
            if binding.description and binding.action != "app.command_palette" and active.enabled:
                run = partial(self._run_action, binding.action, active.node)
                yield SystemCommand(binding.description, f"key {self.get_key_display(binding)}", run)

    async def _run_action(self, action: str, node: Any) -> None:
        with suppress(KeyError):
            await self.run_action(action, default_namespace=node)


def _main(name: str) -> Screen[None]:
    """A main screen; imported when it is first wanted, since some bring heavy libraries along."""
    if name == "launch":
        from workbench.tui.screens.launch import Launch

        return Launch()
    if name == "knowledge":
        from workbench.tui.screens.knowledge import KnowledgeScreen

        return KnowledgeScreen()
    if name == "sweeps":
        from workbench.tui.screens.sweep import Sweeps

        return Sweeps()
    from workbench.tui.screens.database import Database

    return Database()


def _entries(screen: Screen[Any]) -> list[Entry]:
    """Every key that works on the screen now, keys of one action together."""
    found: dict[tuple[str, str], list[str]] = {}
    for active in screen.active_bindings.values():
        binding = active.binding
        if binding.description:
            key = binding.key_display or screen.app.get_key_display(binding)
            found.setdefault((binding.description, binding.id or ""), []).append(key)
    return [(" ".join(dict.fromkeys(keys)), does, name) for (does, name), keys in found.items()]
