"""Pages as Markdown, whatever an engine wrote them in: LaTeX, HTML, a mixture, or lines of print."""
