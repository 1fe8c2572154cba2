#!/usr/bin/env python3
"""Makes manual pages and bash completion of what the programs say with --help, so that they say the same.

    packaging/pages.py PROGRAMS OUT     from the folder of the programs into OUT/man and OUT/forebay
"""

import gzip
import pathlib
import re
import shutil
import subprocess
import sys

import help

DAEMONS = ("forebay-sidecar", "forebay-feed", "forebay-sourcing")
# Arguments that are names of the topology, by what they are called in the help; see completion.bash.
NAMES = {"STREAM": "stream", "SIDECAR": "sidecar", "NODE": "node", "CONSUMER": "node", "PRODUCER": "node", "NAME": "any"}
# Of options whose value is only called a name, those whose own name says of what.
OF_OPTION = {"--host": "host", "--node": "node", "--only": "any", "--into": "node"}


def roff(text):
    """Text as it is, whatever roff would make of it."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga").replace("^", "\\(ha")
    text = text.replace("~", "\\(ti")
    return "\\&" + text if text.startswith(".") else text


def bold(text):
    return f"\\fB{roff(text)}\\fR"


def listed(items):
    for item in items:
        value = f" \\fI{roff(item.value)}\\fR" if item.value and item.value not in item.names else ""
        yield ".TP"
        yield ", ".join(bold(name) for name in item.names) + value + (" ..." if item.repeated else "")
        text = item.text[:1].upper() + item.text[1:]
        yield roff(" ".join([text + "." if text and text[-1] not in ".!?" else text, *item.remarks]).strip())


def closing(lines):
    """The lines behind the options: examples stand as they are, and what is told of exit codes in its section."""
    examples, notes, codes = [], [], []
    for line in lines:
        if line == "Examples:" or line.startswith("Example: "):
            examples += [line.removeprefix("Example: ")] if line != "Examples:" else []
        elif line.startswith("  "):
            examples.append(line.strip())
        elif line.startswith("Exit codes: "):
            codes.append(line.removeprefix("Exit codes: "))
        elif line and "--help shows" not in line:
            notes.append(line)
    if examples:
        yield from [".SH EXAMPLES", ".nf", *map(roff, examples), ".fi"]
    if notes:
        yield from [".SH NOTES", *map(roff, notes)]
    if codes:
        yield ".SH EXIT STATUS"
        for code in re.split(r", (?=\d+ )", " ".join(codes).removesuffix(".")):
            yield from [".TP", *map(roff, code.split(" ", 1))]


def page_name(words):
    return "-".join(words), 8 if words[0] in DAEMONS else 1


def page(of, version, all_pages):
    name, section = page_name(of.words)
    short = of.description.removeprefix("Forebay: ").removesuffix(".")
    usage = of.usage.removeprefix(" ".join(of.words)).strip()
    lines = [
        f'.TH "{roff(name.upper())}" {section} "" "{roff(version)}" "Forebay"',
        *[".SH NAME", f"{roff(name)} \\- {roff(short[:1].lower() + short[1:])}"],
        *[".SH SYNOPSIS", f"{bold(' '.join(of.words))} {roff(usage)}"],
    ]
    for title, items in (("COMMANDS", of.verbs), ("ARGUMENTS", of.arguments), ("OPTIONS", of.options)):
        if items:
            lines += [f".SH {title}", *listed(items)]
    lines += closing(of.closing)
    near = [other for other in all_pages if other[0] != name and is_near(name, other[0])]
    lines += [".SH SEE ALSO", ",\n".join(f".BR {roff(other)} ({number})" for other, number in near).replace(",\n", " ,\n")]
    lines += [".PP", "Files in", ".I /usr/share/doc/forebay", "explain each in full."]
    return "\n".join(lines) + "\n"


def is_near(name, other):
    """Whether a page names the other: its own verbs and what it is a verb of; from the first and of daemons, all of these."""
    if name in ("forebay", *DAEMONS) and (other in ("forebay", *DAEMONS)):
        return True
    parent = name.rpartition("-")[0]
    return other == parent or other.rpartition("-")[0] == name


def completion(helps):
    """The cases of _forebay_verb in completion.bash."""
    for of in helps:
        options = [name for option in of.options for name in option.names]
        values, kinds = [], []
        for option in of.options:
            kind = OF_OPTION.get(option.names[-1]) or (NAMES.get(option.value) if option.value != "NAME" else None)
            kind = "topology" if "--topology" in option.names else kind or "other"
            values += [f"{name}={kind}" for name in option.names if option.value]
        for argument in of.arguments:
            kinds.append(NAMES.get(argument.value, "other"))
        verbs = [verb.names[0] for verb in of.verbs]
        yield f"    '{' '.join(of.words[1:])}')"
        yield f"      verbs='{' '.join(verbs)}' options='{' '.join(options)}'"
        yield f"      values='{' '.join(values)}' arguments='{' '.join(kinds)}' ;;"


def main():
    programs, out = map(pathlib.Path, sys.argv[1:])
    said = subprocess.run([programs / "forebay", "--version"], check=True, capture_output=True, text=True).stdout
    cli = list(help.read(programs, ["forebay"]))
    helps = cli + [each for daemon in DAEMONS for each in help.read(programs, [daemon])]
    shutil.rmtree(out / "man", ignore_errors=True)
    names = [page_name(of.words) for of in helps]
    for of in helps:
        name, section = page_name(of.words)
        folder = out / "man" / f"man{section}"
        folder.mkdir(parents=True, exist_ok=True)
        text = page(of, said.strip(), names).encode()
        (folder / f"{name}.{section}.gz").write_bytes(gzip.compress(text, mtime=0))
    template = (pathlib.Path(__file__).parent / "completion.bash").read_text()
    (out / "forebay").write_text(template.replace("    @VERBS@\n", "\n".join(completion(cli)) + "\n"))


if __name__ == "__main__":
    main()
