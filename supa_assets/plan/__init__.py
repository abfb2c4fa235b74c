"""From the catalogue to what is exported, in which order, under which names, and how each value is written."""
