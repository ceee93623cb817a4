CREATE TABLE exam_sharing_accesses (
	id VARCHAR(40) NOT NULL,
	reader VARCHAR(255) NOT NULL,
	exam VARCHAR(255) NOT NULL,
	permission SMALLINT NOT NULL,
	purpose VARCHAR(64),
	origin VARCHAR(255),
	window_began BIGINT NOT NULL,
	first_at BIGINT NOT NULL,
	last_at BIGINT NOT NULL,
	times BIGINT NOT NULL,
	PRIMARY KEY (id)
);
CREATE TABLE exam_sharing_batches (
	id VARCHAR(255) NOT NULL,
	uploader VARCHAR(255) NOT NULL,
	source TEXT,
	received_at BIGINT NOT NULL,
	sealed BOOLEAN NOT NULL,
	PRIMARY KEY (id)
);
CREATE TABLE exam_sharing_change_keys (
	"key" TEXT NOT NULL,
	at BIGINT NOT NULL,
	number BIGINT NOT NULL,
	PRIMARY KEY ("key", at, number)
)
 WITHOUT ROWID;
CREATE TABLE exam_sharing_changes (
	number INTEGER NOT NULL,
	at BIGINT NOT NULL,
	kind VARCHAR(64) NOT NULL,
	document TEXT NOT NULL,
	salt BLOB NOT NULL,
	leaf BLOB NOT NULL,
	name TEXT,
	principal TEXT,
	active BOOLEAN,
	PRIMARY KEY (number)
);
CREATE TABLE exam_sharing_events (
	number INTEGER NOT NULL,
	at BIGINT NOT NULL,
	kind VARCHAR(64) NOT NULL,
	event TEXT NOT NULL,
	salt BLOB NOT NULL,
	leaf BLOB NOT NULL,
	written BLOB,
	PRIMARY KEY (number)
);
CREATE TABLE exam_sharing_exams (
	id VARCHAR(255) NOT NULL,
	owner VARCHAR(255) NOT NULL,
	batch VARCHAR(255) NOT NULL,
	uploaded_at BIGINT NOT NULL,
	subject TEXT,
	PRIMARY KEY (id)
);
CREATE TABLE exam_sharing_grants (
	id VARCHAR(255) NOT NULL,
	exam VARCHAR(255) NOT NULL,
	grantor VARCHAR(255) NOT NULL,
	recipient VARCHAR(257) NOT NULL,
	permission SMALLINT NOT NULL,
	until BIGINT,
	version BIGINT NOT NULL,
	basis TEXT,
	share VARCHAR(255) NOT NULL,
	made_at BIGINT NOT NULL,
	lines TEXT,
	uploaded_at BIGINT NOT NULL,
	closed_version BIGINT,
	ended_how VARCHAR(32),
	ended_by VARCHAR(255),
	ended_as VARCHAR(32),
	ended_at BIGINT,
	replaced_by TEXT,
	PRIMARY KEY (id, exam)
);
CREATE TABLE exam_sharing_memberships (
	group_key TEXT NOT NULL,
	member_key TEXT NOT NULL,
	PRIMARY KEY (group_key, member_key)
);
CREATE TABLE exam_sharing_notices (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	id VARCHAR(255) NOT NULL,
	share VARCHAR(255) NOT NULL,
	reader VARCHAR(255) NOT NULL,
	actor VARCHAR(255) NOT NULL,
	exams TEXT NOT NULL,
	message TEXT,
	attempts INTEGER NOT NULL,
	due BIGINT,
	claimed_by VARCHAR(64),
	given_up_at BIGINT,
	problem TEXT,
	UNIQUE (id)
);
CREATE TABLE exam_sharing_past_members (
	group_key TEXT NOT NULL,
	member_key TEXT NOT NULL,
	began BIGINT NOT NULL,
	began_at BIGINT NOT NULL,
	ended BIGINT,
	ended_at BIGINT,
	PRIMARY KEY (group_key, member_key, began)
);
CREATE TABLE exam_sharing_principals (
	"key" TEXT NOT NULL,
	name TEXT NOT NULL,
	email TEXT,
	active BOOLEAN NOT NULL,
	sharing_in_plan BOOLEAN NOT NULL,
	notices BOOLEAN NOT NULL,
	name_start TEXT,
	name_rest TEXT NOT NULL,
	address TEXT,
	PRIMARY KEY ("key")
);
CREATE TABLE exam_sharing_receipts (
	actor VARCHAR(255) NOT NULL,
	request_id VARCHAR(255) NOT NULL,
	fingerprint VARCHAR(80) NOT NULL,
	receipt TEXT NOT NULL,
	PRIMARY KEY (actor, request_id)
);
CREATE TABLE exam_sharing_removed (
	exam VARCHAR(255) NOT NULL,
	recipient VARCHAR(257) NOT NULL,
	PRIMARY KEY (exam, recipient)
);
CREATE TABLE exam_sharing_removed_principals (
	"key" TEXT NOT NULL,
	PRIMARY KEY ("key")
);
CREATE TABLE exam_sharing_schema (
	number INTEGER NOT NULL,
	PRIMARY KEY (number)
);
CREATE TABLE exam_sharing_seals (
	number BIGINT NOT NULL,
	seal TEXT NOT NULL,
	entries BLOB NOT NULL,
	PRIMARY KEY (number)
);
CREATE TABLE exam_sharing_search_keys (
	kind SMALLINT NOT NULL,
	start TEXT NOT NULL,
	name_start TEXT NOT NULL,
	"key" TEXT NOT NULL,
	PRIMARY KEY (kind, start, name_start, "key")
)
 WITHOUT ROWID;
CREATE TABLE exam_sharing_shares (
	id VARCHAR(255) NOT NULL,
	at BIGINT NOT NULL,
	actor VARCHAR(255) NOT NULL,
	performed_by VARCHAR(255),
	exam VARCHAR(255) NOT NULL,
	exams TEXT NOT NULL,
	recipients TEXT NOT NULL,
	permission SMALLINT NOT NULL,
	scope VARCHAR(32) NOT NULL,
	until BIGINT,
	attested_by VARCHAR(255) NOT NULL,
	attested_at BIGINT NOT NULL,
	wording TEXT NOT NULL,
	PRIMARY KEY (id)
);
CREATE TABLE exam_sharing_subjects (
	subject VARCHAR(257) NOT NULL,
	at BIGINT NOT NULL,
	number BIGINT NOT NULL,
	version BIGINT,
	owner_before VARCHAR(255),
	owner_after VARCHAR(255),
	PRIMARY KEY (subject, at, number)
)
 WITHOUT ROWID;
CREATE TABLE exam_sharing_versions (
	exam VARCHAR(255) NOT NULL,
	version BIGINT NOT NULL,
	withdrawn BOOLEAN NOT NULL,
	PRIMARY KEY (exam)
);
CREATE INDEX ix_exam_sharing_accesses_by_reader ON exam_sharing_accesses (reader, first_at, id);
CREATE INDEX ix_exam_sharing_accesses_to_exam ON exam_sharing_accesses (exam, first_at, id);
CREATE INDEX ix_exam_sharing_changes_of ON exam_sharing_changes (principal, at, number);
CREATE INDEX ix_exam_sharing_exams_by_id ON exam_sharing_exams (id);
CREATE INDEX ix_exam_sharing_exams_of_batch ON exam_sharing_exams (batch);
CREATE INDEX ix_exam_sharing_exams_of_owner ON exam_sharing_exams (owner, uploaded_at, id);
CREATE INDEX ix_exam_sharing_grants_by_grantor ON exam_sharing_grants (grantor, exam);
CREATE INDEX ix_exam_sharing_grants_expiring ON exam_sharing_grants (until) WHERE closed_version IS NULL AND until IS NOT NULL;
CREATE INDEX ix_exam_sharing_grants_of_exam ON exam_sharing_grants (exam, recipient) WHERE closed_version IS NULL;
CREATE INDEX ix_exam_sharing_grants_past ON exam_sharing_grants (exam) WHERE closed_version IS NOT NULL;
CREATE INDEX ix_exam_sharing_grants_to_recipient ON exam_sharing_grants (recipient, uploaded_at, exam) WHERE closed_version IS NULL;
CREATE INDEX ix_exam_sharing_memberships_of ON exam_sharing_memberships (member_key, group_key);
CREATE INDEX ix_exam_sharing_notices_in_turn ON exam_sharing_notices (due, attempts, number);
CREATE INDEX ix_exam_sharing_notices_of_share ON exam_sharing_notices (share);
CREATE INDEX ix_exam_sharing_past_members_now ON exam_sharing_past_members (group_key) WHERE ended IS NULL;
CREATE INDEX ix_exam_sharing_past_members_of ON exam_sharing_past_members (member_key, group_key);
CREATE INDEX ix_exam_sharing_principals_by_name ON exam_sharing_principals (name_start, "key");
CREATE INDEX ix_exam_sharing_search_keys_of ON exam_sharing_search_keys ("key");
CREATE INDEX ix_exam_sharing_subjects_owner ON exam_sharing_subjects (subject) WHERE owner_before IS NOT NULL;
CREATE INDEX ix_exam_sharing_subjects_version ON exam_sharing_subjects (subject, version) WHERE version IS NOT NULL;
CREATE INDEX ix_exam_sharing_versions_withdrawn ON exam_sharing_versions (exam) WHERE withdrawn = 1;
