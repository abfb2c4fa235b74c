"""An export, whole: the rooms before this one put to work on one database and one place.

Its story, from `begin_export` to the end; who calls it (the command line's run, the step of Dagster's,
`export_database`) changes nothing of it.

1. **plan**: the catalogue and the settings' choice give an `ExportPlan`: tables in import order, each with its name,
   its place in the graph and the shape of its rows (`known_plan` remembers the last one, for definitions that are
   loaded while the database is down).
2. **refused early**: the place is looked at, and the connection asked which database it leads to. A place that can't be
   written to, that holds another database's export, or a metadata.json that is broken or newer, is refused before
   anything in it is touched.
3. **place**: the storage is made ready: it is there, it can be written, an interrupted publication is finished, what
   dead runs staged is removed. The run takes its staging and holds it.
4. **locks, then the snapshot** (`locks`, `source`): on the same connection one transaction (REPEATABLE READ, READ
   ONLY) locks the run's tables against DDL, then exports its snapshot. In this order, since the first statement that
   needs a snapshot takes the transaction's. The transaction lives as long as the run, and the snapshot with it.
5. **preflight** (`survey`, `refusals`, `preflight`): every relation of the database as the snapshot has it, with the
   reason if it is not exported; what the role may not read, or would read without some rows; what changed since the
   plan was made. A run of everything means the tables of the snapshot, not those of the plan: where there are some that
   nobody had known to lock, it begins again at 4 with these, a few times. A run that stops at the first failure stops
   here for a table that it can't read.
6. **write** (`write`, `outcome`): for each table the source counts rows and values with known holes in one statement;
   the table is cut into chunks, which the server makes and several connections fetch; they go to a staged file while
   it is hashed. If the count and the sum of the chunks differ, nothing is staged. The entry is staged beside the file.
7. **verify**: the staged file is read back and compared with its entry and the source's count.
8. **publish**: after the last table the transaction must still be alive, or nothing is published. Under the place's
   lock the new metadata.json is composed from the old one and the staged entries, everything is synced to the disk,
   and a journal is written: from its rename on the publication will happen, whoever finishes it. Files take their
   places, metadata.json last; files that left the export are removed, then the journal.
9. **end**: the transaction is closed, and what was not published is discarded. A process that is killed loses its
   connections, and the server ends the transaction; the next run removes what was staged.

By default the first failure stops the run and nothing is published. A run that goes on publishes the tables that are
whole. A run of everything, all of it whole, replaces the export: a table that is no longer in the database leaves it.
Any other run replaces only its tables. Both are decided in one place, `ExportRun.publish`.
"""
