"""What LaTeX commands print: accents, symbols, and how many arguments say only how something looks."""

from __future__ import annotations

ACCENTS = {
    "`": "\u0300",
    "'": "\u0301",
    "^": "\u0302",
    "~": "\u0303",
    "=": "\u0304",
    "u": "\u0306",
    ".": "\u0307",
    '"': "\u0308",
    "r": "\u030a",
    "H": "\u030b",
    "v": "\u030c",
    "d": "\u0323",
    "c": "\u0327",
    "k": "\u0328",
    "b": "\u0331",
}
"""Command to the combining mark it sets over or under a letter."""

SYMBOLS = {
    **{name: name for name in "%&{}/"},
    "/": "",
    "-": "",
    "@": "",
    **dict.fromkeys([" ", ",", ";", ":", "!", "\n", "\t", ">", "space", "quad", "qquad", "enspace", "hfill"], " "),
    "$": "\\$",
    "i": "ı",
    "j": "ȷ",
    "ss": "ß",
    "ae": "æ",
    "AE": "Æ",
    "oe": "œ",
    "OE": "Œ",
    "o": "ø",
    "O": "Ø",
    "aa": "å",
    "AA": "Å",
    "l": "ł",
    "L": "Ł",
    "S": "§",
    "P": "¶",
    "dag": "†",
    "ddag": "‡",
    "copyright": "©",
    "pounds": "£",
    "euro": "€",
    "texteuro": "€",
    "yen": "¥",
    "textyen": "¥",
    "textregistered": "®",
    "texttrademark": "™",
    "textcopyright": "©",
    "textdegree": "°",
    "degree": "°",
    "celsius": "°C",
    "textbackslash": "\\\\",
    "textasciitilde": "~",
    "textasciicircum": "^",
    "textless": "<",
    "textgreater": ">",
    "textbar": "|",
    "textunderscore": "_",
    "textbullet": "•",
    "textperiodcentered": "·",
    "textendash": "–",
    "textemdash": "—",
    "textquoteleft": "‘",
    "textquoteright": "’",
    "textquotedblleft": "“",
    "textquotedblright": "”",
    "ldots": "…",
    "dots": "…",
    "textellipsis": "…",
    "LaTeX": "LaTeX",
    "TeX": "TeX",
    # What models write outside formulas although it belongs into them.
    "bullet": "•",
    "cdot": "·",
    "cdots": "⋯",
    "times": "×",
    "div": "÷",
    "pm": "±",
    "leq": "≤",
    "le": "≤",
    "geq": "≥",
    "ge": "≥",
    "neq": "≠",
    "approx": "≈",
    "sim": "∼",
    "infty": "∞",
    "circ": "∘",
    "rightarrow": "→",
    "to": "→",
    "leftarrow": "←",
    "Rightarrow": "⇒",
    "uparrow": "↑",
    "downarrow": "↓",
    "checkmark": "✓",
    "square": "□",
    "Box": "□",
    "blacksquare": "■",
    "star": "⋆",
    "alpha": "α",
    "beta": "β",
    "gamma": "γ",
    "delta": "δ",
    "epsilon": "ε",
    "theta": "θ",
    "lambda": "λ",
    "mu": "μ",
    "pi": "π",
    "rho": "ρ",
    "sigma": "σ",
    "phi": "φ",
    "omega": "ω",
    "Delta": "Δ",
    "Sigma": "Σ",
    "Omega": "Ω",
}
"""Command to what it prints, in Markdown."""

SKIPPED = {
    **dict.fromkeys(
        [
            "documentclass",
            "usepackage",
            "RequirePackage",
            "label",
            "pagestyle",
            "thispagestyle",
            "pagenumbering",
            "bibliographystyle",
            "bibliography",
            "graphicspath",
            "hypersetup",
            "geometry",
            "vspace",
            "hspace",
            "vskip",
            "hskip",
            "linespread",
            "color",
            "input",
            "include",
            "captionsetup",
            "usetikzlibrary",
            "cline",
            "cmidrule",
            "arraycolsep",
            "newpage",
            "selectlanguage",
            "CJKfamily",
        ],
        1,
    ),
    **dict.fromkeys(
        [
            "setlength",
            "addtolength",
            "setcounter",
            "addtocounter",
            "fontsize",
            "rule",
            "newtheorem",
            "renewcommand",
            "newcommand",
            "providecommand",
            "DeclareMathOperator",
        ],
        2,
    ),
    "definecolor": 3,
    "newpage": 0,
    **dict.fromkeys(
        ["textcolor", "colorbox", "parbox", "scalebox", "raisebox", "rotatebox", "minipage", "multicols"], 1
    ),
    **dict.fromkeys(["resizebox", "fcolorbox"], 2),
}
"""Command (or environment) to the braced arguments after it that print nothing; what follows them is text again."""

STYLES = {
    **dict.fromkeys(["textbf", "bf", "bfseries", "strong"], "**"),
    **dict.fromkeys(["textit", "emph", "textsl", "it", "itshape", "em", "sl", "slshape"], "*"),
    **dict.fromkeys(["sout", "st"], "~~"),
}
"""Command to its mark; those not in ``STYLED_ARGUMENTS`` hold until their group ends."""

STYLED_ARGUMENTS = frozenset({"textbf", "strong", "textit", "emph", "textsl", "sout", "st"})

LEVELS = {
    "part": 1,
    "chapter": 1,
    "section": 2,
    "subsection": 3,
    "subsubsection": 4,
}
"""Sectioning command to its heading's level in a document with chapters."""

RUN_IN = frozenset({"paragraph", "subparagraph"})
LISTS = frozenset({"itemize", "enumerate", "description", "thebibliography", "compactitem", "compactenum", "tasks"})
TABLES = frozenset({"tabular", "tabular*", "tabularx", "tabulary", "longtable", "longtable*", "tabu", "supertabular"})
VERBATIM = frozenset({"verbatim", "verbatim*", "lstlisting", "minted", "Verbatim", "alltt"})
QUOTES = frozenset({"quote", "quotation", "verse"})
STATEMENTS = frozenset(
    {
        "theorem",
        "lemma",
        "corollary",
        "proposition",
        "definition",
        "remark",
        "example",
        "proof",
        "abstract",
        "note",
        "claim",
    }
)
"""Environments that print their own name before what stands in them."""

ALIGNED = {
    "align": "aligned",
    "flalign": "aligned",
    "alignat": "alignedat",
    "gather": "gathered",
    "multline": "gathered",
    "eqnarray": "eqnarray",
}
"""Environment of formulas to the one that may stand between dollars (amsmath 2.1, section 3.7)."""

FORMULAS = frozenset({*ALIGNED, "equation", "displaymath", "math"})
