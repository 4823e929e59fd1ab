-- Nothing is done here: SQLite's filters need no functions. Both databases have the same list of migrations.
SELECT 1;
