PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE watchdog_schema (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT watchdog_schema_pkc PRIMARY KEY (version_num)
);
INSERT INTO watchdog_schema VALUES('0003');
CREATE TABLE episodes (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	host TEXT NOT NULL, 
	target TEXT NOT NULL, 
	drift_key TEXT NOT NULL, 
	object_key TEXT, 
	drift TEXT NOT NULL, 
	evidence_key TEXT NOT NULL, 
	first_seen DOUBLE NOT NULL, 
	last_seen DOUBLE NOT NULL, 
	looks BIGINT NOT NULL, 
	looks_since DOUBLE NOT NULL, 
	opened_at DOUBLE, 
	closed_at DOUBLE, 
	blind_since DOUBLE, 
	baseline BOOLEAN DEFAULT 0 NOT NULL, 
	ignored_until DOUBLE, 
	ignore_reason TEXT, 
	version BIGINT NOT NULL
);
INSERT INTO episodes VALUES(1,'test-host','nas','duplicati/nas/backup_overdue/backup/1','duplicati/nas/backup/1','{"belief":"its slot has passed","evidence":{"due":1717228800.0,"proposed":1717228800.0},"hold":null,"kind":"backup_overdue","panel":"duplicati","proposal":["run",["duplicati","nas","backup","1"],{"backup":"1"},{"size":1048576}],"subject":["backup","1","letters"],"target":"nas","truth":"it neither runs nor waits"}','b2d87dd024789789feb2',1717236000.0,1717236015.0,2,1717236000.0,1717236030.0,1717236095.0,NULL,1,NULL,NULL,3);
INSERT INTO episodes VALUES(2,'test-host','nas','duplicati/nas/backup_run_cut/backup/2',NULL,'{"belief":"ran","evidence":{"phase":"Backup_ProcessingFiles"},"hold":null,"kind":"backup_run_cut","panel":"duplicati","proposal":null,"subject":["backup","2","Fotos \u2603 \u201ealt\u201c"],"target":"nas","truth":"cut"}','9277ea2fbfbdc7890a7b',1717236000.0,1717322400.0,4,1717236000.0,1717236030.0,NULL,NULL,1,1717236900.0,'moved',5);
INSERT INTO episodes VALUES(3,'test-host','nas','duplicati/nas/clock_skew/server/nas',NULL,'{"belief":"none","evidence":{"seconds":420.0},"hold":null,"kind":"clock_skew","panel":"duplicati","proposal":null,"subject":["server","nas","nas"],"target":"nas","truth":"7 minutes"}','05f45b44999ee833cf28',1717236000.0,1717236000.0,1,1717236000.0,NULL,1717236015.0,NULL,1,NULL,NULL,1);
INSERT INTO episodes VALUES(4,'test-host','nas','duplicati/nas/backup_overdue/backup/1','duplicati/nas/backup/1','{"belief":"its slot has passed","evidence":{"due":1717228800.0,"proposed":1717228800.0},"hold":null,"kind":"backup_overdue","panel":"duplicati","proposal":["run",["duplicati","nas","backup","1"],{"backup":"1"},{"size":1048576}],"subject":["backup","1","letters"],"target":"nas","truth":"it neither runs nor waits"}','b2d87dd024789789feb2',1717322400.0,1717322400.0,1,1717322400.0,1717322430.0,NULL,NULL,0,NULL,NULL,1);
CREATE TABLE memories (
	host TEXT NOT NULL, 
	target TEXT NOT NULL, 
	memory TEXT NOT NULL, 
	at DOUBLE NOT NULL, 
	PRIMARY KEY (host, target)
);
INSERT INTO memories VALUES('test-host','nas','{"runs/1":1717236060.0}',1717236095.0);
CREATE TABLE baselines (
	host TEXT NOT NULL, 
	target TEXT NOT NULL, 
	state TEXT NOT NULL, 
	at DOUBLE NOT NULL, 
	PRIMARY KEY (host, target)
);
INSERT INTO baselines VALUES('test-host','nas','repair',1717236000.0);
CREATE TABLE ignores (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	host TEXT NOT NULL, 
	pattern TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	until DOUBLE, 
	ignored_by TEXT NOT NULL, 
	created_at DOUBLE NOT NULL
);
INSERT INTO ignores VALUES(1,'test-host','duplicati/nas/clock_skew/*','the NAS is late, we know',NULL,'ada',1717236800.0);
INSERT INTO ignores VALUES(2,'test-host','duplicati/nas/backup_run_cut/backup/2','moved',1717236900.0,'ada',1717236800.0);
CREATE TABLE ignore_evidence (
	ignore_id INTEGER NOT NULL, 
	drift_key TEXT NOT NULL, 
	evidence_key TEXT NOT NULL, 
	PRIMARY KEY (ignore_id, drift_key), 
	FOREIGN KEY(ignore_id) REFERENCES ignores (id) ON DELETE CASCADE
);
INSERT INTO ignore_evidence VALUES(2,'duplicati/nas/backup_run_cut/backup/2','9277ea2fbfbdc7890a7b');
CREATE TABLE repairs (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	host TEXT NOT NULL, 
	target TEXT NOT NULL, 
	object_key TEXT NOT NULL, 
	object TEXT NOT NULL, 
	remedy TEXT NOT NULL, 
	parameters TEXT NOT NULL, 
	facts TEXT NOT NULL, 
	risk TEXT NOT NULL, 
	state TEXT NOT NULL, 
	drift_keys TEXT NOT NULL, 
	requested_by TEXT NOT NULL, 
	intended_at DOUBLE NOT NULL, 
	acted_at DOUBLE, 
	outcome_at DOUBLE, 
	verdict_at DOUBLE, 
	outcome TEXT, 
	message TEXT NOT NULL, 
	fence BIGINT NOT NULL, 
	version BIGINT NOT NULL
);
INSERT INTO repairs VALUES(1,'test-host','nas','duplicati/nas/backup/1','["duplicati","nas","backup","1"]','run','{"backup":"1"}','{"size":1048576}','disruptive','verified','["duplicati/nas/backup_overdue/backup/1"]','policy',1717236031.0,1717236031.4999999999,1717236032.0,1717236095.0,'["done","answered 200",null,[]]','a fresh look agrees',1,3);
INSERT INTO repairs VALUES(2,'test-host','nas','duplicati/nas/backup/2','["duplicati","nas","backup","2"]','run','{"backup":"2"}','{}','disruptive','unverified','["duplicati/nas/backup_run_cut/backup/2"]','ada',1717236100.0,1717236100.0999999046,1717236101.0,1717236400.0,'["done","answered 200",null,[]]','still cut',2,3);
INSERT INTO repairs VALUES(3,'test-host','nas','duplicati/nas/backup/1','["duplicati","nas","backup","1"]','run','{"backup":"1"}','{"size":1048576}','disruptive','acting','["duplicati/nas/backup_overdue/backup/1"]','policy',1717322431.0,1717322431.2000000477,NULL,NULL,NULL,'',3,1);
CREATE TABLE repair_steps (
	repair_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	step TEXT NOT NULL, 
	at DOUBLE NOT NULL, 
	PRIMARY KEY (repair_id, number), 
	FOREIGN KEY(repair_id) REFERENCES repairs (id) ON DELETE CASCADE
);
INSERT INTO repair_steps VALUES(1,1,'looked',1717236031.5999999045);
INSERT INTO repair_steps VALUES(1,2,'sent',1717236031.9000000953);
INSERT INTO repair_steps VALUES(3,1,'looked',1717322431.2999999523);
CREATE TABLE repair_totals (
	host TEXT NOT NULL, 
	panel TEXT NOT NULL, 
	target TEXT NOT NULL, 
	remedy TEXT NOT NULL, 
	result TEXT NOT NULL, 
	repairs BIGINT NOT NULL, 
	PRIMARY KEY (host, panel, target, remedy, result)
);
INSERT INTO repair_totals VALUES('test-host','duplicati','nas','run','verified',1);
INSERT INTO repair_totals VALUES('test-host','duplicati','nas','run','unverified',1);
CREATE TABLE objects (
	object_key TEXT NOT NULL, 
	target TEXT NOT NULL, 
	object TEXT NOT NULL, 
	attempts BIGINT NOT NULL, 
	unverified BIGINT NOT NULL, 
	last_attempt_at DOUBLE, 
	last_verified_at DOUBLE, 
	not_before DOUBLE, 
	PRIMARY KEY (object_key)
);
INSERT INTO objects VALUES('duplicati/nas/backup/1','nas','["duplicati","nas","backup","1"]',1,0,1717322431.0,1717236095.0,NULL);
INSERT INTO objects VALUES('duplicati/nas/backup/2','nas','["duplicati","nas","backup","2"]',1,1,1717236100.0,NULL,NULL);
CREATE TABLE object_remedies (
	object_key TEXT NOT NULL, 
	remedy TEXT NOT NULL, 
	last_at DOUBLE NOT NULL, 
	PRIMARY KEY (object_key, remedy)
);
INSERT INTO object_remedies VALUES('duplicati/nas/backup/1','run',1717322431.0);
INSERT INTO object_remedies VALUES('duplicati/nas/backup/2','run',1717236100.0);
CREATE TABLE approvals (
	id TEXT NOT NULL, 
	host TEXT NOT NULL, 
	binding TEXT NOT NULL, 
	target TEXT NOT NULL, 
	remedy TEXT NOT NULL, 
	object TEXT NOT NULL, 
	parameters TEXT NOT NULL, 
	drift_keys TEXT NOT NULL, 
	risk TEXT NOT NULL, 
	describes TEXT NOT NULL, 
	state TEXT NOT NULL, 
	requested_at DOUBLE NOT NULL, 
	decided_at DOUBLE, 
	decided_by TEXT, 
	expires_at DOUBLE, 
	version BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO approvals VALUES('utb7g','test-host','9c8bd95f0b3449960a9a','nas','run','["duplicati","nas","backup","2"]','{"backup":"2"}','["duplicati/nas/backup_run_cut/backup/2"]','destructive','["POST /api/v1/backup/2/run"]','rejected',1717236500.0,1717236600.0,'ada',NULL,1);
INSERT INTO approvals VALUES('5pqm2','test-host','80ce4907f6b212039bb2','nas','abort_task','["duplicati","nas","task","7"]','{"task":"7"}','[]','destructive','["POST /api/v1/task/7/abort"]','waiting',1717236700.0,NULL,NULL,NULL,0);
CREATE TABLE fence (
	id INTEGER NOT NULL, 
	number BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO fence VALUES(1,3);
CREATE TABLE leases (
	object TEXT NOT NULL, 
	holder TEXT NOT NULL, 
	number BIGINT NOT NULL, 
	expires_at DOUBLE NOT NULL, 
	epoch TEXT NOT NULL, 
	PRIMARY KEY (object)
);
INSERT INTO leases VALUES('duplicati/nas/backup/1','p-2',3,61325.055144072997789,'00000000-0000-4000-8000-000000000001');
INSERT INTO leases VALUES('duplicati/nas/backup/2','',2,0.0,'00000000-0000-4000-8000-000000000001');
CREATE TABLE holdings (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	host TEXT NOT NULL, 
	target TEXT NOT NULL, 
	what TEXT NOT NULL, 
	object_key TEXT NOT NULL, 
	object TEXT NOT NULL, 
	undo TEXT NOT NULL, 
	parameters TEXT NOT NULL, 
	created_at DOUBLE NOT NULL, 
	expires_at DOUBLE, 
	released_at DOUBLE
);
INSERT INTO holdings VALUES(1,'test-host','nas','schedule moved','duplicati/nas/backup/1','["duplicati","nas","backup","1"]','restore_schedule','{"time":1717239600.0}',1717236900.0,NULL,NULL);
INSERT INTO holdings VALUES(2,'test-host','nas','schedule moved','duplicati/nas/backup/2','["duplicati","nas","backup","2"]','restore_schedule','{"time":1717239600.0}',1717236900.0,1717326000.0,1717236950.0);
CREATE TABLE tallies (
	host TEXT NOT NULL, 
	family TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	count DOUBLE NOT NULL, 
	PRIMARY KEY (host, family, "key")
);
INSERT INTO tallies VALUES('test-host','watchdog_oom_kills_total','["d\u00e4mon"]',1.0);
INSERT INTO tallies VALUES('test-host','watchdog_oom_kills_total','["web-1"]',3.0);
CREATE TABLE tally_marks (
	host TEXT NOT NULL, 
	family TEXT NOT NULL, 
	mark TEXT NOT NULL, 
	PRIMARY KEY (host, family)
);
INSERT INTO tally_marks VALUES('test-host','watchdog_oom_kills_total','2024-06-01T10:00:00Z');
CREATE TABLE offsets (
	host TEXT NOT NULL, 
	source TEXT NOT NULL, 
	device TEXT NOT NULL, 
	inode TEXT NOT NULL, 
	position BIGINT NOT NULL, 
	covered_from DOUBLE NOT NULL, 
	head TEXT NOT NULL, 
	PRIMARY KEY (host, source)
);
INSERT INTO offsets VALUES('test-host','/var/log/panel.log','64768','9223372036854775819',4711,1717149600.0,'9f86d081');
CREATE TABLE verifications (
	host TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	result TEXT NOT NULL, 
	PRIMARY KEY (host, "key")
);
INSERT INTO verifications VALUES('test-host','/srv/backups/monday.zip','{"verdict": "good", "level": 2}');
CREATE TABLE pauses (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	host TEXT NOT NULL, 
	target TEXT NOT NULL, 
	task TEXT NOT NULL, 
	source TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	paused_by TEXT NOT NULL, 
	boot TEXT NOT NULL, 
	created_at DOUBLE NOT NULL, 
	until DOUBLE, 
	length DOUBLE, 
	until_mono DOUBLE, 
	ended_at DOUBLE, 
	ended TEXT, 
	ended_by TEXT, 
	version BIGINT NOT NULL
);
INSERT INTO pauses VALUES(1,'test-host','nas','','person','the disk is being moved','ada','boot-1',1717237000.0,NULL,NULL,NULL,NULL,NULL,NULL,1);
INSERT INTO pauses VALUES(2,'test-host','attic','','person','until the century ends','ada','boot-1',1717237010.0,4102444800.0,NULL,NULL,NULL,NULL,NULL,1);
INSERT INTO pauses VALUES(3,'test-host','web','','person','an hour','bert','boot-1',1717237000.0,1717240600.0,3600.0,5000.0,1717240600.0,'expired','its end',2);
CREATE TABLE outbox (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	host TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	event TEXT NOT NULL, 
	severity TEXT NOT NULL, 
	target TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	occasion TEXT NOT NULL, 
	title TEXT NOT NULL, 
	body TEXT NOT NULL, 
	state TEXT NOT NULL, 
	holder TEXT NOT NULL, 
	batch TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	created_at DOUBLE NOT NULL, 
	not_before DOUBLE NOT NULL, 
	claimed_at DOUBLE, 
	ended_at DOUBLE, 
	folded BIGINT NOT NULL, 
	attempts BIGINT NOT NULL, 
	version BIGINT NOT NULL
);
INSERT INTO outbox VALUES(1,'test-host','phone','drift_opened','critical','nas','duplicati/nas/backup_overdue/backup/1','o-1','letters 1 is overdue','its slot has passed ☃','sent','p-1','b-1','',1717236050.0,0.0,1717236060.0,1717236061.0,0,0,2);
INSERT INTO outbox VALUES(2,'test-host','phone','drift_opened','critical','nas','duplicati/nas/backup_overdue/backup/2','o-2','letters 2 is overdue','its slot has passed ☃','sending','p-2','b-2','',1717236050.0,0.0,1717236062.0,NULL,0,0,1);
INSERT INTO outbox VALUES(3,'test-host','phone','drift_opened','critical','nas','duplicati/nas/backup_overdue/backup/3','o-3','letters 3 is overdue','its slot has passed ☃','waiting','','','',1717236050.0,0.0,NULL,NULL,0,0,0);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('episodes',4);
INSERT INTO sqlite_sequence VALUES('repairs',3);
INSERT INTO sqlite_sequence VALUES('ignores',2);
INSERT INTO sqlite_sequence VALUES('holdings',2);
INSERT INTO sqlite_sequence VALUES('pauses',3);
INSERT INTO sqlite_sequence VALUES('outbox',3);
CREATE UNIQUE INDEX one_open_episode ON episodes (host, drift_key) WHERE closed_at IS NULL;
CREATE INDEX open_episodes ON episodes (host, target) WHERE closed_at IS NULL;
CREATE INDEX closed_episodes ON episodes (host, closed_at);
CREATE UNIQUE INDEX one_repair_in_flight ON repairs (object_key) WHERE state IN ('intended', 'acting', 'settling');
CREATE INDEX repairs_of_target ON repairs (target, intended_at);
CREATE INDEX repairs_in_state ON repairs (host, state);
CREATE INDEX objects_of_target ON objects (target);
CREATE UNIQUE INDEX one_standing_approval ON approvals (host, binding) WHERE state IN ('waiting', 'approved');
CREATE UNIQUE INDEX one_live_holding ON holdings (host, target, object_key, what) WHERE released_at IS NULL;
CREATE UNIQUE INDEX one_standing_pause ON pauses (host, target, task, source) WHERE ended_at IS NULL;
CREATE INDEX ended_pauses ON pauses (host, ended_at);
CREATE UNIQUE INDEX one_letter_per_occasion ON outbox (host, channel, occasion);
CREATE INDEX letters_in_state ON outbox (host, channel, state);
CREATE INDEX letters_of_subject ON outbox (host, channel, subject);
COMMIT;
