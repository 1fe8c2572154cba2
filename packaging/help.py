"""What a program of Forebay says with --help, as values: its verbs with theirs, options, arguments, closing lines."""

import dataclasses
import os
import re
import subprocess

ITEM = re.compile(r"^  (\S.*?)(?:  +(.*))?$")  # `  -t,--topology FILE          Topology file`, or without the text
TEXT = re.compile(r"^ {20,}(\S.*)$")  # of an item whose name is too long for its column
# What CLI11 says about a value behind its name.
CHECKED = re.compile(r"(?<=\w):([A-Z]+)( in \[(\S+) - (\S+)\])?")
DEFAULT = re.compile(r"=([a-z0-9/]\S*)$")
SECTIONS = ("Positionals:", "Options:", "Subcommands:")


class NotUnderstood(Exception):
    """The help has a form that this does not know."""


@dataclasses.dataclass
class Item:
    """An option, an argument or a verb."""

    names: list
    text: str
    value: str = ""  # "FILE"; of an argument its own name
    repeated: bool = False
    remarks: list = dataclasses.field(default_factory=list)  # "Not with --watch"


@dataclasses.dataclass
class Help:
    words: list  # ["forebay", "topology", "show"]
    description: str
    usage: str
    arguments: list
    options: list
    verbs: list
    closing: list  # lines


def parse_item(section, head, text):
    names, _, rest = head.partition(" ")
    remarks = []
    rest, _, needs = rest.partition("Needs: ")
    rest, _, excludes = rest.partition("Excludes: ")
    if excludes:
        remarks.append(f"Not with {', '.join(excludes.split())}.")
    if needs:
        remarks.append(f"Only with {', '.join(needs.split())}.")
    rest = rest.replace("REQUIRED", "").strip()
    repeated = rest.endswith("...")
    rest = rest.removesuffix("...").strip()
    if default := DEFAULT.search(rest):
        remarks.append(f"Default: {default[1]}.")
        rest = rest[: default.start()]
    if checked := CHECKED.search(rest):
        if checked[2]:
            remarks.append(f"From {checked[3]} to {checked[4]}.")
        rest = rest[: checked.start()] + rest[checked.end() :]
    if " " in rest:
        raise NotUnderstood(f"'{head}': what is '{rest}'?")
    names = names.split(",") if section == "Options:" else [names]
    value = names[0] if section == "Positionals:" else rest
    return Item(names, text, value, repeated, remarks)


def parse(words, text):
    lines = text.splitlines()
    usage = next((at for at, line in enumerate(lines) if line.startswith("Usage: ")), None)
    if usage is None:
        raise NotUnderstood(f"`{' '.join(words)} --help` has no line 'Usage: '")
    items = {section: [] for section in SECTIONS}
    at = usage + 1
    while at + 1 < len(lines) and not lines[at] and lines[at + 1] in SECTIONS:
        section = lines[at + 1]
        at += 2
        while at < len(lines) and (item := ITEM.match(lines[at])):
            at += 1
            more = []
            while at < len(lines) and (line := TEXT.match(lines[at])):
                more.append(line[1])
                at += 1
            items[section].append(parse_item(section, item[1], " ".join([item[2] or "", *more]).strip()))
    closing = "\n".join(lines[at:]).strip("\n").splitlines()
    if any(line in SECTIONS for line in closing):
        raise NotUnderstood(f"`{' '.join(words)} --help` has a section behind its closing lines")
    positionals, options, verbs = (items[section] for section in SECTIONS)
    description = " ".join(lines[:usage]).strip()
    return Help(words, description, lines[usage].removeprefix("Usage: "), positionals, options, verbs, closing)


def read(folder, words):
    """The help of a program in the folder, and those of its verbs behind it, in order."""
    command = [folder / words[0], *words[1:], "--help"]
    environment = {"PATH": os.defpath}  # what is told of defaults is not this shell's
    text = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=60).stdout
    first = parse(words, text)
    yield first
    for verb in first.verbs:
        yield from read(folder, [*words, verb.names[0]])
