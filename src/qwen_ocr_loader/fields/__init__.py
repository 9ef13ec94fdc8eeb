"""Fields: values asked for by name, found on the page, checked, and tied to where they are printed."""
