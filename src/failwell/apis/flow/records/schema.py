"""The tables."""

SCHEMA = """
CREATE TABLE users (
    number INTEGER PRIMARY KEY, username TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
    salt BLOB NOT NULL, password BLOB NOT NULL, can_run_pipelines INTEGER NOT NULL
);
CREATE TABLE sessions (id TEXT PRIMARY KEY, user INTEGER NOT NULL, revoked INTEGER NOT NULL);
CREATE TABLE projects (
    number INTEGER PRIMARY KEY AUTOINCREMENT, owner INTEGER NOT NULL, name TEXT NOT NULL,
    description TEXT NOT NULL, organism TEXT, is_public INTEGER NOT NULL, created TEXT NOT NULL,
    UNIQUE (owner, name)
);
CREATE TABLE samples (
    number INTEGER PRIMARY KEY AUTOINCREMENT, owner INTEGER NOT NULL, name TEXT NOT NULL,
    organism TEXT, sample_type TEXT NOT NULL, project INTEGER, metadata TEXT NOT NULL,
    created TEXT NOT NULL, given INTEGER NOT NULL
);
CREATE TABLE data (
    number INTEGER PRIMARY KEY AUTOINCREMENT, owner INTEGER NOT NULL, filename TEXT NOT NULL,
    data_type TEXT NOT NULL, is_directory INTEGER NOT NULL, created TEXT NOT NULL,
    size INTEGER NOT NULL, last_offset INTEGER NOT NULL, last_md5 TEXT NOT NULL,
    complete INTEGER NOT NULL, md5 TEXT, reads INTEGER NOT NULL, sample INTEGER,
    process INTEGER, given INTEGER NOT NULL
);
CREATE TABLE shares (
    kind TEXT NOT NULL, resource INTEGER NOT NULL, user INTEGER NOT NULL, level INTEGER NOT NULL,
    PRIMARY KEY (kind, resource, user)
) WITHOUT ROWID;
CREATE TABLE executions (
    number INTEGER PRIMARY KEY AUTOINCREMENT, owner INTEGER NOT NULL, version INTEGER NOT NULL,
    params TEXT NOT NULL, data_params TEXT NOT NULL, sample_params TEXT NOT NULL,
    nextflow_version TEXT NOT NULL, samples TEXT NOT NULL, data TEXT NOT NULL,
    status TEXT NOT NULL, created TEXT NOT NULL, started TEXT, finished TEXT,
    failed_process TEXT, error TEXT
);
CREATE TABLE processes (
    number INTEGER PRIMARY KEY AUTOINCREMENT, execution INTEGER NOT NULL, name TEXT NOT NULL,
    status TEXT NOT NULL, started TEXT NOT NULL, finished TEXT, exit_code INTEGER,
    stdout TEXT NOT NULL, stderr TEXT NOT NULL, command TEXT NOT NULL
);
CREATE TABLE imports (
    number INTEGER PRIMARY KEY AUTOINCREMENT, owner INTEGER NOT NULL, specs TEXT NOT NULL,
    status TEXT NOT NULL, created TEXT NOT NULL, started TEXT, finished TEXT,
    sample_ids TEXT NOT NULL, error TEXT
);
CREATE TABLE created (kind TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO created VALUES ('samples', 0), ('projects', 0), ('data', 0), ('executions', 0);
CREATE TRIGGER a_sample AFTER INSERT ON samples WHEN NOT NEW.given BEGIN
    UPDATE created SET number = number + 1 WHERE kind = 'samples';
END;
CREATE TRIGGER a_project AFTER INSERT ON projects BEGIN
    UPDATE created SET number = number + 1 WHERE kind = 'projects';
END;
CREATE TRIGGER a_file AFTER UPDATE OF complete ON data
WHEN NEW.complete AND NOT OLD.complete AND NOT NEW.given AND NEW.process IS NULL BEGIN
    UPDATE created SET number = number + 1 WHERE kind = 'data';
END;
CREATE TRIGGER an_execution AFTER INSERT ON executions BEGIN
    UPDATE created SET number = number + 1 WHERE kind = 'executions';
END;
CREATE INDEX samples_of_project ON samples (project);
CREATE INDEX data_of_sample ON data (sample);
CREATE INDEX processes_of_execution ON processes (execution);
"""
"""`given` marks what was there from the start, which nobody has created. `created` counts what
ever was, deleted or not; the outputs of executions are theirs, and not counted as data."""
