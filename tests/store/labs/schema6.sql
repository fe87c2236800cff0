BEGIN TRANSACTION;
CREATE TABLE accuracy (
        "key" BLOB NOT NULL,
        family TEXT NOT NULL,
        family_key BLOB NOT NULL,
        design TEXT NOT NULL,
        data TEXT NOT NULL,
        data_key BLOB NOT NULL,
        recipe TEXT NOT NULL,
        seed INTEGER NOT NULL,
        trainer TEXT NOT NULL,
        metric TEXT NOT NULL,
        accuracy REAL NOT NULL,
        validation REAL NOT NULL,
        parameters INTEGER NOT NULL,
        macs INTEGER NOT NULL,
        epochs INTEGER NOT NULL,
        best_epoch INTEGER NOT NULL,
        seconds REAL NOT NULL,
        created_ns INTEGER NOT NULL,
        code_version TEXT NOT NULL,
        digest BLOB NOT NULL,
        report TEXT NOT NULL,
        network TEXT NOT NULL,
        PRIMARY KEY ("key"),
        CONSTRAINT key_size CHECK (length(key) BETWEEN 16 AND 16),
        CONSTRAINT family_key_size CHECK (length(family_key) BETWEEN 16 AND 16),
        CONSTRAINT data_key_size CHECK (length(data_key) BETWEEN 16 AND 16),
        CONSTRAINT digest_size CHECK (length(digest) BETWEEN 16 AND 16),
        CONSTRAINT parts_of_one CHECK (accuracy BETWEEN 0 AND 1 AND validation BETWEEN 0 AND 1),
        CONSTRAINT size_positive CHECK (parameters > 0 AND macs > 0),
        CONSTRAINT epochs_counted CHECK (best_epoch BETWEEN 1 AND epochs),
        CONSTRAINT seconds_finite CHECK (seconds >= 0 AND seconds < 9e999)
    ) STRICT
    ;
INSERT INTO "accuracy" VALUES(X'00112233445566778899AABBCCDDEEFF','cnn',X'00112233445566778899AABBCCDDEEF0','{"blocks":1}','digits',X'00112233445566778899AABBCCDDEEF1','{}',1,'trainer 1','top-1',0.9,0.91,1000,20000,10,7,1.5,1700000000000000000,'0.1.0',X'00112233445566778899AABBCCDDEEF2','{}','{}');
CREATE TABLE checkpoint (
	run_id INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	state BLOB NOT NULL, 
	digest BLOB NOT NULL, 
	PRIMARY KEY (run_id), 
	FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE, 
	CONSTRAINT digest_size CHECK (length(digest) BETWEEN 16 AND 16)
)
 STRICT

;
INSERT INTO "checkpoint" VALUES(1,2,X'7B22706F696E7473223A382C22736561726368223A7B2267656E657261746F72223A7B226269745F67656E657261746F72223A225043473634222C226861735F75696E743332223A302C227374617465223A7B22696E63223A3236313133363638343633323236383637303832353934303835333037363339363133363739332C227374617465223A3130353635343539303136393339383931333731333039393932343135393431393632353538387D2C2275696E7465676572223A3936373235373531357D2C22736561726368223A7B7D7D2C2273746570223A327D',X'9CC7E164DF5161CD42EA11BC65BDD799');
INSERT INTO "checkpoint" VALUES(2,1,X'7B22706F696E7473223A342C22736561726368223A7B2267656E657261746F72223A7B226269745F67656E657261746F72223A225043473634222C226861735F75696E743332223A302C227374617465223A7B22696E63223A36303830343531373832383633373334343239393933323839303139333536323730333931372C227374617465223A393632363039363936393934313737383830393437303337393434303435383036373530357D2C2275696E7465676572223A343234303332313735347D2C22736561726368223A7B7D7D2C2273746570223A317D',X'9617364C9A0775FA4B9CFA0A3A034762');
CREATE TABLE chunk (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	first INTEGER NOT NULL, 
	points INTEGER NOT NULL, 
	feasible INTEGER NOT NULL, 
	latency_cycles_least REAL, 
	latency_cycles_most REAL, 
	energy_pj_least REAL, 
	energy_pj_most REAL, 
	area_um2_least REAL, 
	area_um2_most REAL, 
	accuracy_least REAL, 
	accuracy_most REAL, 
	digest BLOB NOT NULL, 
	content BLOB NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE, 
	UNIQUE (run_id, number), 
	CONSTRAINT place_positive CHECK (number >= 0 AND first >= 0), 
	CONSTRAINT points_counted CHECK (points > 0 AND feasible BETWEEN 0 AND points), 
	CONSTRAINT latency_cycles_zone CHECK ((latency_cycles_least IS NULL) = (latency_cycles_most IS NULL) AND latency_cycles_least <= latency_cycles_most), 
	CONSTRAINT energy_pj_zone CHECK ((energy_pj_least IS NULL) = (energy_pj_most IS NULL) AND energy_pj_least <= energy_pj_most), 
	CONSTRAINT area_um2_zone CHECK ((area_um2_least IS NULL) = (area_um2_most IS NULL) AND area_um2_least <= area_um2_most), 
	CONSTRAINT accuracy_zone CHECK ((accuracy_least IS NULL) = (accuracy_most IS NULL) AND accuracy_least <= accuracy_most), 
	CONSTRAINT digest_size CHECK (length(digest) BETWEEN 16 AND 16)
)
 STRICT

;
INSERT INTO "chunk" VALUES(1,1,0,0,3,2,1.0,2.0,3.0,6.0,5.0,10.0,NULL,NULL,X'F8C41556FC6099FD78C19459F9D1769D',X'C10100007B22666F726D6174223A312C22636F646573223A7B226C65617374223A5B302C302C305D2C227370616E73223A5B332C332C325D2C22776F726473223A5B7B2262617365223A322C227368696674223A302C22706C616E6573223A5B5B312C335D5D2C226974656D73223A337D5D7D2C22636F6C756D6E73223A7B226C6174656E63795F6379636C6573223A7B226B696E64223A2277686F6C65222C2262617365223A312C227368696674223A302C22706C616E6573223A5B5B312C325D5D2C226974656D73223A327D2C22656E657267795F706A223A7B226B696E64223A2277686F6C65222C2262617365223A332C227368696674223A302C22706C616E6573223A5B5B312C325D5D2C226974656D73223A327D2C22617265615F756D32223A7B226B696E64223A2277686F6C65222C2262617365223A352C227368696674223A302C22706C616E6573223A5B5B312C325D5D2C226974656D73223A327D7D2C226275696C74223A312C22776879223A7B2262617365223A302C227368696674223A302C22706C616E6573223A5B5D2C226974656D73223A317D2C22726561736F6E73223A5B227B5C22726561736F6E5C223A5C22736D616C6C5C227D225D7D000712000100030005C0');
CREATE TABLE context (
	id INTEGER NOT NULL, 
	"key" BLOB NOT NULL, 
	simulator TEXT NOT NULL, 
	fingerprint TEXT NOT NULL, 
	layer TEXT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE ("key"), 
	CONSTRAINT key_size CHECK (length(key) BETWEEN 16 AND 16)
)
 STRICT

;
INSERT INTO "context" VALUES(1,X'643CAB55CC5C6E20F8FC68F604939667','toy','toy 1','{"axes":{"buffer_bits":"memories.buffer.size_bits","d1":"array.D1","mapping":"spatial_mapping"},"criterion":"edp","layers":[{"dilation":[1,1],"dims":[1,1,16,8,32,32,3,3],"input_bits":8,"op":"conv","output_bits":8,"padding":[1,1,1,1],"partial_bits":16,"stride":[1,1],"weight_bits":8}]}');
CREATE TABLE evaluation (
	context_id INTEGER NOT NULL, 
	"key" BLOB NOT NULL, 
	latency_cycles REAL, 
	energy_pj REAL, 
	area_um2 REAL, 
	accuracy REAL, 
	infeasible TEXT, 
	PRIMARY KEY (context_id, "key"), 
	FOREIGN KEY(context_id) REFERENCES context (id), 
	CONSTRAINT key_size CHECK (length(key) BETWEEN 1 AND 64), 
	CONSTRAINT metrics_or_infeasible CHECK ((latency_cycles IS NULL) = (infeasible IS NOT NULL) AND (energy_pj IS NULL) = (infeasible IS NOT NULL) AND (area_um2 IS NULL) = (infeasible IS NOT NULL)), 
	CONSTRAINT latency_cycles_finite CHECK (latency_cycles >= 0 AND latency_cycles < 9e999), 
	CONSTRAINT energy_pj_finite CHECK (energy_pj >= 0 AND energy_pj < 9e999), 
	CONSTRAINT area_um2_finite CHECK (area_um2 >= 0 AND area_um2 < 9e999), 
	CONSTRAINT accuracy_or_infeasible CHECK (accuracy IS NULL OR infeasible IS NULL), 
	CONSTRAINT accuracy_finite CHECK (abs(accuracy) < 9e999)
)
 WITHOUT ROWID,
 STRICT

;
INSERT INTO "evaluation" VALUES(1,X'0B0CCE530BBF809E5A7D22EB2C00B9BC',87040.0,3.53249795951207652688e+07,1.51136697576466976899e+04,NULL,NULL);
INSERT INTO "evaluation" VALUES(1,X'18C7F98A62F4388D456847DD3379C87B',NULL,NULL,NULL,NULL,'{"bound":2048,"demand":6144,"levers":["buffer_bits"],"reason":"a row does not fit","resource":"buffer"}');
INSERT INTO "evaluation" VALUES(1,X'2BEA0D5E38179538F143DF5C81AEEC08',87040.0,9.98407032961369305876e+06,1.85803379152933921432e+04,NULL,NULL);
INSERT INTO "evaluation" VALUES(1,X'2D070DE56CD798BBD362CF04DE1427D4',62464.0,1.81858337851703204214e+07,18096.9984,NULL,NULL);
INSERT INTO "evaluation" VALUES(1,X'5E399C5DB1BDFFB1A748E6BF0E4D38ED',NULL,NULL,NULL,NULL,'{"bound":2048,"demand":6144,"levers":["buffer_bits"],"reason":"a row does not fit","resource":"buffer"}');
INSERT INTO "evaluation" VALUES(1,X'6594A5E7958DB3F6D545A75BAAE6BEDD',50176.0,9.67482812480684556052e+06,2.31083379152933921429e+04,NULL,NULL);
INSERT INTO "evaluation" VALUES(1,X'B47318FCC0F2A8693C61C7CCFAAC8170',160768.0,1.0602554739227384329e+07,1.63163379152933939618e+04,NULL,NULL);
INSERT INTO "evaluation" VALUES(1,X'D162903A974A8EA35C3ABF9C4DE4C206',62464.0,1.81858337851703204214e+07,18096.9984,NULL,NULL);
INSERT INTO "evaluation" VALUES(1,X'E3135C1A52346A8823251DF49690A729',NULL,NULL,NULL,NULL,'{"bound":2048,"demand":6144,"levers":["buffer_bits"],"reason":"a row does not fit","resource":"buffer"}');
INSERT INTO "evaluation" VALUES(1,X'EEB55D74A19715FC29E1C30F0D3F97A0',NULL,NULL,NULL,NULL,'{"bound":4096,"demand":6144,"levers":["buffer_bits"],"reason":"a row does not fit","resource":"buffer"}');
INSERT INTO "evaluation" VALUES(1,X'F8E2B59EBCD309E3253D43B5B8C78A8F',50176.0,9.67482812480684556052e+06,2.31083379152933921429e+04,NULL,NULL);
CREATE TABLE evaluation_detail (
	context_id INTEGER NOT NULL, 
	"key" BLOB NOT NULL, 
	detail TEXT NOT NULL, 
	PRIMARY KEY (context_id, "key"), 
	FOREIGN KEY(context_id, "key") REFERENCES evaluation (context_id, "key") ON DELETE CASCADE
)
 STRICT

;
INSERT INTO "evaluation_detail" VALUES(1,X'0B0CCE530BBF809E5A7D22EB2C00B9BC','{"breakdown":{"ideal_cycles":36864.0,"mac_energy_pj":47185.92,"memory_energy_pj":[["buffer","I",154593.6751207672],["dram","I",35123200.0]],"offload_cycles":0.0,"onload_cycles":0.0,"spatial_stall_cycles":0.0,"temporal_stall_cycles":50176.0},"clock_mhz":1000.0,"mapping":{"spatial":[["D1",[["K",2.0]]]],"temporal":[]}}');
INSERT INTO "evaluation_detail" VALUES(1,X'2BEA0D5E38179538F143DF5C81AEEC08','{"breakdown":{"ideal_cycles":73728.0,"mac_energy_pj":47185.92,"memory_energy_pj":[["buffer","I",618484.4096136923],["dram","I",9318400.0]],"offload_cycles":0.0,"onload_cycles":0.0,"spatial_stall_cycles":0.0,"temporal_stall_cycles":13312.0},"clock_mhz":1000.0,"mapping":{"spatial":[["D1",[["K",2.0]]]],"temporal":[]}}');
INSERT INTO "evaluation_detail" VALUES(1,X'2D070DE56CD798BBD362CF04DE1427D4','{"breakdown":{"ideal_cycles":36864.0,"mac_energy_pj":47185.92,"memory_energy_pj":[["buffer","I",218647.86517032215],["dram","I",17920000.0]],"offload_cycles":0.0,"onload_cycles":0.0,"spatial_stall_cycles":0.0,"temporal_stall_cycles":25600.0},"clock_mhz":1000.0,"mapping":{"spatial":[["D1",[["K",2.0]]]],"temporal":[]}}');
INSERT INTO "evaluation_detail" VALUES(1,X'6594A5E7958DB3F6D545A75BAAE6BEDD','{"breakdown":{"ideal_cycles":36864.0,"mac_energy_pj":47185.92,"memory_energy_pj":[["buffer","I",309242.20480684616],["dram","I",9318400.0]],"offload_cycles":0.0,"onload_cycles":0.0,"spatial_stall_cycles":0.0,"temporal_stall_cycles":13312.0},"clock_mhz":1000.0,"mapping":{"spatial":[["D1",[["K",2.0]]]],"temporal":[]}}');
INSERT INTO "evaluation_detail" VALUES(1,X'B47318FCC0F2A8693C61C7CCFAAC8170','{"breakdown":{"ideal_cycles":147456.0,"mac_energy_pj":47185.92,"memory_energy_pj":[["buffer","I",1236968.8192273846],["dram","I",9318400.0]],"offload_cycles":0.0,"onload_cycles":0.0,"spatial_stall_cycles":0.0,"temporal_stall_cycles":13312.0},"clock_mhz":1000.0,"mapping":{"spatial":[["D1",[["K",2.0]]]],"temporal":[]}}');
INSERT INTO "evaluation_detail" VALUES(1,X'D162903A974A8EA35C3ABF9C4DE4C206','{"breakdown":{"ideal_cycles":36864.0,"mac_energy_pj":47185.92,"memory_energy_pj":[["buffer","I",218647.86517032215],["dram","I",17920000.0]],"offload_cycles":0.0,"onload_cycles":0.0,"spatial_stall_cycles":0.0,"temporal_stall_cycles":25600.0},"clock_mhz":1000.0,"mapping":{"spatial":[["D1",[["K",2.0]]]],"temporal":[]}}');
INSERT INTO "evaluation_detail" VALUES(1,X'F8E2B59EBCD309E3253D43B5B8C78A8F','{"breakdown":{"ideal_cycles":36864.0,"mac_energy_pj":47185.92,"memory_energy_pj":[["buffer","I",309242.20480684616],["dram","I",9318400.0]],"offload_cycles":0.0,"onload_cycles":0.0,"spatial_stall_cycles":0.0,"temporal_stall_cycles":13312.0},"clock_mhz":1000.0,"mapping":{"spatial":[["D1",[["K",2.0]]]],"temporal":[]}}');
CREATE TABLE front (
	run_id INTEGER NOT NULL, 
	seq INTEGER NOT NULL, 
	PRIMARY KEY (run_id, seq), 
	FOREIGN KEY(run_id, seq) REFERENCES point (run_id, seq) ON DELETE CASCADE
)
 WITHOUT ROWID,
 STRICT

;
INSERT INTO "front" VALUES(1,0);
INSERT INTO "front" VALUES(2,3);
CREATE TABLE history (
	run_id INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	points INTEGER NOT NULL, 
	evaluations INTEGER NOT NULL, 
	hits INTEGER NOT NULL, 
	feasible INTEGER NOT NULL, 
	front_size INTEGER NOT NULL, 
	hypervolume REAL, 
	best TEXT NOT NULL, 
	seconds REAL NOT NULL, 
	search_seconds REAL, asked TEXT, 
	PRIMARY KEY (run_id, step), 
	FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE, 
	CONSTRAINT hypervolume_finite CHECK (abs(hypervolume) < 9e999)
)
 WITHOUT ROWID,
 STRICT

;
INSERT INTO "history" VALUES(1,1,4,4,0,3,1,0.492854750097735,'{"energy_pj":9674828.124806846,"latency_cycles":50176.0}',1.38391799919190816581e-03,NULL,NULL);
INSERT INTO "history" VALUES(1,2,8,8,0,5,1,0.492854750097735,'{"energy_pj":9674828.124806846,"latency_cycles":50176.0}',2.44411300081992521882e-03,NULL,NULL);
INSERT INTO "history" VALUES(2,1,4,3,1,2,1,0.492854750097735,'{"energy_pj":9674828.124806846,"latency_cycles":50176.0}',1.51427499986311886459e-03,3.78568749965779716148e-04,'[0,1,2,3]');
CREATE TABLE point (
	run_id INTEGER NOT NULL, 
	seq INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	codes BLOB NOT NULL, 
	latency_cycles REAL, 
	energy_pj REAL, 
	area_um2 REAL, 
	accuracy REAL, 
	infeasible TEXT, 
	cached INTEGER NOT NULL, 
	PRIMARY KEY (run_id, seq), 
	FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE, 
	CONSTRAINT metrics_or_infeasible CHECK ((latency_cycles IS NULL) = (infeasible IS NOT NULL) AND (energy_pj IS NULL) = (infeasible IS NOT NULL) AND (area_um2 IS NULL) = (infeasible IS NOT NULL)), 
	CONSTRAINT latency_cycles_finite CHECK (latency_cycles >= 0 AND latency_cycles < 9e999), 
	CONSTRAINT energy_pj_finite CHECK (energy_pj >= 0 AND energy_pj < 9e999), 
	CONSTRAINT area_um2_finite CHECK (area_um2 >= 0 AND area_um2 < 9e999), 
	CONSTRAINT accuracy_or_infeasible CHECK (accuracy IS NULL OR infeasible IS NULL), 
	CONSTRAINT accuracy_finite CHECK (abs(accuracy) < 9e999), 
	CONSTRAINT cached_flag CHECK (cached IN (0, 1))
)
 WITHOUT ROWID,
 STRICT

;
INSERT INTO "point" VALUES(1,0,1,X'020400',50176.0,9.67482812480684556052e+06,2.31083379152933921429e+04,NULL,NULL,0);
INSERT INTO "point" VALUES(1,1,1,X'010401',87040.0,9.98407032961369305876e+06,1.85803379152933921432e+04,NULL,NULL,0);
INSERT INTO "point" VALUES(1,2,1,X'020001',NULL,NULL,NULL,NULL,'{"bound":2048,"demand":6144,"levers":["buffer_bits"],"reason":"a row does not fit","resource":"buffer"}',0);
INSERT INTO "point" VALUES(1,3,1,X'020301',62464.0,1.81858337851703204214e+07,18096.9984,NULL,NULL,0);
INSERT INTO "point" VALUES(1,4,2,X'000001',NULL,NULL,NULL,NULL,'{"bound":2048,"demand":6144,"levers":["buffer_bits"],"reason":"a row does not fit","resource":"buffer"}',0);
INSERT INTO "point" VALUES(1,5,2,X'020200',87040.0,3.53249795951207652688e+07,1.51136697576466976899e+04,NULL,NULL,0);
INSERT INTO "point" VALUES(1,6,2,X'020300',62464.0,1.81858337851703204214e+07,18096.9984,NULL,NULL,0);
INSERT INTO "point" VALUES(1,7,2,X'010100',NULL,NULL,NULL,NULL,'{"bound":4096,"demand":6144,"levers":["buffer_bits"],"reason":"a row does not fit","resource":"buffer"}',0);
INSERT INTO "point" VALUES(2,0,1,X'020001',NULL,NULL,NULL,NULL,'{"bound":2048,"demand":6144,"levers":["buffer_bits"],"reason":"a row does not fit","resource":"buffer"}',1);
INSERT INTO "point" VALUES(2,1,1,X'010000',NULL,NULL,NULL,NULL,'{"bound":2048,"demand":6144,"levers":["buffer_bits"],"reason":"a row does not fit","resource":"buffer"}',0);
INSERT INTO "point" VALUES(2,2,1,X'000400',160768.0,1.0602554739227384329e+07,1.63163379152933939618e+04,NULL,NULL,0);
INSERT INTO "point" VALUES(2,3,1,X'020401',50176.0,9.67482812480684556052e+06,2.31083379152933921429e+04,NULL,NULL,0);
CREATE TABLE point_detail (
	run_id INTEGER NOT NULL, 
	seq INTEGER NOT NULL, 
	detail TEXT NOT NULL, 
	PRIMARY KEY (run_id, seq), 
	FOREIGN KEY(run_id, seq) REFERENCES point (run_id, seq) ON DELETE CASCADE
)
 STRICT

;
INSERT INTO "point_detail" VALUES(1,0,'{"breakdown":{"ideal_cycles":36864.0,"mac_energy_pj":47185.92,"memory_energy_pj":[["buffer","I",309242.20480684616],["dram","I",9318400.0]],"offload_cycles":0.0,"onload_cycles":0.0,"spatial_stall_cycles":0.0,"temporal_stall_cycles":13312.0},"clock_mhz":1000.0,"mapping":null}');
INSERT INTO "point_detail" VALUES(1,1,'{"breakdown":{"ideal_cycles":73728.0,"mac_energy_pj":47185.92,"memory_energy_pj":[["buffer","I",618484.4096136923],["dram","I",9318400.0]],"offload_cycles":0.0,"onload_cycles":0.0,"spatial_stall_cycles":0.0,"temporal_stall_cycles":13312.0},"clock_mhz":1000.0,"mapping":null}');
INSERT INTO "point_detail" VALUES(1,3,'{"breakdown":{"ideal_cycles":36864.0,"mac_energy_pj":47185.92,"memory_energy_pj":[["buffer","I",218647.86517032215],["dram","I",17920000.0]],"offload_cycles":0.0,"onload_cycles":0.0,"spatial_stall_cycles":0.0,"temporal_stall_cycles":25600.0},"clock_mhz":1000.0,"mapping":null}');
INSERT INTO "point_detail" VALUES(1,5,'{"breakdown":{"ideal_cycles":36864.0,"mac_energy_pj":47185.92,"memory_energy_pj":[["buffer","I",154593.6751207672],["dram","I",35123200.0]],"offload_cycles":0.0,"onload_cycles":0.0,"spatial_stall_cycles":0.0,"temporal_stall_cycles":50176.0},"clock_mhz":1000.0,"mapping":null}');
INSERT INTO "point_detail" VALUES(1,6,'{"breakdown":{"ideal_cycles":36864.0,"mac_energy_pj":47185.92,"memory_energy_pj":[["buffer","I",218647.86517032215],["dram","I",17920000.0]],"offload_cycles":0.0,"onload_cycles":0.0,"spatial_stall_cycles":0.0,"temporal_stall_cycles":25600.0},"clock_mhz":1000.0,"mapping":null}');
INSERT INTO "point_detail" VALUES(2,2,'{"breakdown":{"ideal_cycles":147456.0,"mac_energy_pj":47185.92,"memory_energy_pj":[["buffer","I",1236968.8192273846],["dram","I",9318400.0]],"offload_cycles":0.0,"onload_cycles":0.0,"spatial_stall_cycles":0.0,"temporal_stall_cycles":13312.0},"clock_mhz":1000.0,"mapping":null}');
INSERT INTO "point_detail" VALUES(2,3,'{"breakdown":{"ideal_cycles":36864.0,"mac_energy_pj":47185.92,"memory_energy_pj":[["buffer","I",309242.20480684616],["dram","I",9318400.0]],"offload_cycles":0.0,"onload_cycles":0.0,"spatial_stall_cycles":0.0,"temporal_stall_cycles":13312.0},"clock_mhz":1000.0,"mapping":null}');
CREATE TABLE run (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	uuid TEXT NOT NULL, 
	status TEXT NOT NULL, 
	arch TEXT NOT NULL, 
	workload TEXT NOT NULL, 
	search TEXT NOT NULL, 
	simulator TEXT NOT NULL, 
	fingerprint TEXT NOT NULL, 
	seed INTEGER NOT NULL, 
	batch INTEGER NOT NULL, 
	created_ns INTEGER NOT NULL, 
	updated_ns INTEGER NOT NULL, 
	steps INTEGER NOT NULL, 
	points INTEGER NOT NULL, 
	evaluations INTEGER NOT NULL, 
	hits INTEGER NOT NULL, 
	feasible INTEGER NOT NULL, 
	front_size INTEGER NOT NULL, 
	hypervolume REAL, 
	best TEXT, 
	error TEXT, 
	note TEXT NOT NULL, 
	host TEXT, 
	boot_id TEXT, 
	pid_namespace TEXT, 
	pid INTEGER, 
	process_start INTEGER, 
	epoch INTEGER NOT NULL, 
	heartbeat_ns INTEGER, 
	task_key BLOB NOT NULL, 
	task TEXT NOT NULL, 
	search_settings TEXT NOT NULL, 
	simulator_settings TEXT NOT NULL, 
	stop TEXT NOT NULL, 
	chunk_points INTEGER DEFAULT 0 NOT NULL, 
	wish TEXT, asynchronous INTEGER DEFAULT 0 NOT NULL CONSTRAINT asynchronous_flag CHECK (asynchronous IN (0, 1)), 
	UNIQUE (uuid), 
	CONSTRAINT status_known CHECK (status IN ('queued', 'running', 'paused', 'done', 'interrupted', 'failed', 'cancelled')), 
	CONSTRAINT wish_known CHECK (wish IN ('pause', 'cancel')), 
	CONSTRAINT uuid_hex CHECK (length(uuid) = 32 AND uuid NOT GLOB '*[^0-9a-f]*'), 
	CONSTRAINT running_has_owner CHECK (status <> 'running' OR pid IS NOT NULL), 
	CONSTRAINT batch_positive CHECK (batch > 0), 
	CONSTRAINT hypervolume_finite CHECK (abs(hypervolume) < 9e999), 
	CONSTRAINT task_key_size CHECK (length(task_key) BETWEEN 1 AND 64)
)
 STRICT

;
INSERT INTO "run" VALUES(1,'3009ebc25190403f82f0046f6e76935f','paused','toy','toynet','uniform','toy','toy 1',7,4,1795223442804687230,1795241870059241854,2,8,8,0,5,1,0.492854750097735,'{"energy_pj":9674828.124806846,"latency_cycles":50176.0}',NULL,'of schema 1','host','boot','pid:[1]',1,1,2,1795241870059241854,X'1E289DC71D0462F8AF091528D3CCF2B1','{"arch": {"name": "toy", "description": "", "source": "", "clock_mhz": 1000.0, "array": {"dims": {"D1": 4, "D2": 4}, "mac_energy_pj": 0.04, "systolic": []}, "memories": [{"name": "buffer", "kind": "sram", "size_bits": 65536, "operands": ["W", "I", "O"], "shared_over": "all", "banks": 1, "read_energy_pj": 3.0, "write_energy_pj": 3.5, "ports": [{"kind": "read_write", "bits_per_cycle": 64, "min_bits_per_cycle": 8}]}, {"name": "dram", "kind": "dram", "size_bits": 1099511627776, "operands": ["W", "I", "O"], "shared_over": "all", "banks": 1, "read_energy_pj": 700.0, "write_energy_pj": 750.0, "ports": [{"kind": "read_write", "bits_per_cycle": 64, "min_bits_per_cycle": 8}]}], "spatial_mappings": {"kc": {"D1": ["K"], "D2": ["C"]}, "ck": {"D1": ["C"], "D2": ["K"]}}, "axes": {"d1": {"sets": "array.D1", "choices": [2, 4, 8]}, "buffer_bits": {"sets": "memories.buffer.size_bits", "choices": [2048, 4096, 8192, 16384, 32768]}, "mapping": {"sets": "spatial_mapping", "choices": ["kc", "ck"]}}}, "workload": {"name": "toynet", "items": [{"layer": {"name": "conv1", "op": "conv", "dims": [1, 1, 16, 8, 32, 32, 3, 3], "stride": [1, 1], "dilation": [1, 1], "padding": [1, 1, 1, 1], "weight_bits": 8, "input_bits": 8, "partial_bits": 16, "output_bits": 8}, "after": [], "repeat": 1}]}, "objectives": ["latency_cycles", "energy_pj"], "targets": [], "technology": "common", "criterion": "edp"}','{}','{"breaks":false,"delay_s":0.0,"log":""}','{"budget":30,"margin":0.01,"stalled_steps":null,"targets_met":true,"wall_seconds":null}',3,NULL,0);
INSERT INTO "run" VALUES(2,'181c40e959f04d8a9bdb0dbb1d65c7d4','done','toy','toynet','uniform','toy','toy 1',8,4,1795223442854852244,1795223442864958613,1,4,3,1,2,1,0.492854750097735,'{"energy_pj":9674828.124806846,"latency_cycles":50176.0}',NULL,'','elsewhere','00000000-0000-0000-0000-000000000000','pid:[4026531836]',29312,1518634,1,1795223442864958613,X'1E289DC71D0462F8AF091528D3CCF2B1','{"arch": {"name": "toy", "description": "", "source": "", "clock_mhz": 1000.0, "array": {"dims": {"D1": 4, "D2": 4}, "mac_energy_pj": 0.04, "systolic": []}, "memories": [{"name": "buffer", "kind": "sram", "size_bits": 65536, "operands": ["W", "I", "O"], "shared_over": "all", "banks": 1, "read_energy_pj": 3.0, "write_energy_pj": 3.5, "ports": [{"kind": "read_write", "bits_per_cycle": 64, "min_bits_per_cycle": 8}]}, {"name": "dram", "kind": "dram", "size_bits": 1099511627776, "operands": ["W", "I", "O"], "shared_over": "all", "banks": 1, "read_energy_pj": 700.0, "write_energy_pj": 750.0, "ports": [{"kind": "read_write", "bits_per_cycle": 64, "min_bits_per_cycle": 8}]}], "spatial_mappings": {"kc": {"D1": ["K"], "D2": ["C"]}, "ck": {"D1": ["C"], "D2": ["K"]}}, "axes": {"d1": {"sets": "array.D1", "choices": [2, 4, 8]}, "buffer_bits": {"sets": "memories.buffer.size_bits", "choices": [2048, 4096, 8192, 16384, 32768]}, "mapping": {"sets": "spatial_mapping", "choices": ["kc", "ck"]}}}, "workload": {"name": "toynet", "items": [{"layer": {"name": "conv1", "op": "conv", "dims": [1, 1, 16, 8, 32, 32, 3, 3], "stride": [1, 1], "dilation": [1, 1], "padding": [1, 1, 1, 1], "weight_bits": 8, "input_bits": 8, "partial_bits": 16, "output_bits": 8}, "after": [], "repeat": 1}]}, "objectives": ["latency_cycles", "energy_pj"], "targets": [], "technology": "common", "criterion": "edp"}','{}','{"breaks":false,"delay_s":0.0,"log":""}','{"budget":4,"margin":0.01,"stalled_steps":null,"targets_met":true,"wall_seconds":null}',0,NULL,1);
CREATE TABLE run_model (
	run_id INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	model_key BLOB NOT NULL, 
	PRIMARY KEY (run_id, position), 
	FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE, 
	UNIQUE (run_id, model_key), 
	CONSTRAINT model_key_size CHECK (length(model_key) BETWEEN 16 AND 16)
)
 WITHOUT ROWID,
 STRICT

;
INSERT INTO "run_model" VALUES(2,0,X'B16809A7EF22E4B9E996699AD760B2B7');
CREATE TABLE run_source (
	run_id INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	source_uuid TEXT NOT NULL, 
	points INTEGER NOT NULL, 
	PRIMARY KEY (run_id, position), 
	FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE, 
	UNIQUE (run_id, source_uuid), 
	CONSTRAINT points_positive CHECK (points > 0), 
	CONSTRAINT source_uuid_hex CHECK (length(source_uuid) = 32 AND source_uuid NOT GLOB '*[^0-9a-f]*')
)
 WITHOUT ROWID,
 STRICT

;
INSERT INTO "run_source" VALUES(2,0,'3009ebc25190403f82f0046f6e76935f',8);
CREATE TABLE source_model (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	"key" BLOB NOT NULL, 
	kind TEXT NOT NULL, 
	arch TEXT NOT NULL, 
	workload TEXT NOT NULL, 
	simulator TEXT NOT NULL, 
	fingerprint TEXT NOT NULL, 
	points INTEGER NOT NULL, 
	training_key BLOB NOT NULL, 
	created_ns INTEGER NOT NULL, 
	code_version TEXT NOT NULL, 
	size INTEGER NOT NULL, 
	axes TEXT NOT NULL, 
	metrics TEXT NOT NULL, 
	lineage TEXT NOT NULL, 
	report TEXT NOT NULL, 
	task TEXT NOT NULL, 
	content BLOB NOT NULL, 
	UNIQUE ("key"), 
	CONSTRAINT points_positive CHECK (points > 0), 
	CONSTRAINT key_size CHECK (length(key) BETWEEN 16 AND 16), 
	CONSTRAINT training_key_size CHECK (length(training_key) BETWEEN 16 AND 16)
)
 STRICT

;
INSERT INTO "source_model" VALUES(1,X'B16809A7EF22E4B9E996699AD760B2B7','mlp','toy','toynet','toy','toy 1',8,X'000102030405060708090A0B0C0D0E0F',1795237315727654407,'0.1.0',10,'["d1", "buffer_bits", "mapping"]','["latency_cycles", "energy_pj", "area_um2"]','[["3009ebc25190403f82f0046f6e76935f", 8]]','{"rank_correlation": 0.5}','{"arch": {"name": "toy", "description": "", "source": "", "clock_mhz": 1000.0, "array": {"dims": {"D1": 4, "D2": 4}, "mac_energy_pj": 0.04, "systolic": []}, "memories": [{"name": "buffer", "kind": "sram", "size_bits": 65536, "operands": ["W", "I", "O"], "shared_over": "all", "banks": 1, "read_energy_pj": 3.0, "write_energy_pj": 3.5, "ports": [{"kind": "read_write", "bits_per_cycle": 64, "min_bits_per_cycle": 8}]}, {"name": "dram", "kind": "dram", "size_bits": 1099511627776, "operands": ["W", "I", "O"], "shared_over": "all", "banks": 1, "read_energy_pj": 700.0, "write_energy_pj": 750.0, "ports": [{"kind": "read_write", "bits_per_cycle": 64, "min_bits_per_cycle": 8}]}], "spatial_mappings": {"kc": {"D1": ["K"], "D2": ["C"]}, "ck": {"D1": ["C"], "D2": ["K"]}}, "axes": {"d1": {"sets": "array.D1", "choices": [2, 4, 8]}, "buffer_bits": {"sets": "memories.buffer.size_bits", "choices": [2048, 4096, 8192, 16384, 32768]}, "mapping": {"sets": "spatial_mapping", "choices": ["kc", "ck"]}}}, "workload": {"name": "toynet", "items": [{"layer": {"name": "conv1", "op": "conv", "dims": [1, 1, 16, 8, 32, 32, 3, 3], "stride": [1, 1], "dilation": [1, 1], "padding": [1, 1, 1, 1], "weight_bits": 8, "input_bits": 8, "partial_bits": 16, "output_bits": 8}, "after": [], "repeat": 1}]}, "objectives": ["latency_cycles", "energy_pj"], "targets": [], "technology": "common", "criterion": "edp"}',X'02000000000000007B7D');
CREATE TABLE tag (
	run_id INTEGER NOT NULL, 
	word TEXT NOT NULL, 
	PRIMARY KEY (run_id, word), 
	FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE, 
	CONSTRAINT word_size CHECK (length(word) BETWEEN 1 AND 64)
)
 WITHOUT ROWID,
 STRICT

;
INSERT INTO "tag" VALUES(1,'first');
INSERT INTO "tag" VALUES(2,'keep');
CREATE TABLE training (
        "key" BLOB NOT NULL,
        family TEXT NOT NULL,
        design TEXT NOT NULL,
        data TEXT NOT NULL,
        epochs INTEGER NOT NULL,
        batches INTEGER NOT NULL,
        claim INTEGER NOT NULL,
        updated_ns INTEGER NOT NULL,
        host TEXT,
        boot_id TEXT,
        pid_namespace TEXT,
        pid INTEGER,
        process_start INTEGER,
        state BLOB NOT NULL,
        digest BLOB NOT NULL,
        PRIMARY KEY ("key"),
        CONSTRAINT key_size CHECK (length(key) BETWEEN 16 AND 16),
        CONSTRAINT digest_size CHECK (length(digest) BETWEEN 16 AND 16),
        CONSTRAINT counts_positive CHECK (epochs >= 0 AND batches >= 0 AND claim > 0)
    ) STRICT
    ;
INSERT INTO "training" VALUES(X'00112233445566778899AABBCCDDEEF3','cnn','{"blocks":2}','digits',3,40,1,1700000000000000000,NULL,NULL,NULL,NULL,NULL,X'7B7D',X'00112233445566778899AABBCCDDEEF4');
CREATE TABLE worker (
        run_id INTEGER NOT NULL,
        host TEXT NOT NULL,
        pid INTEGER NOT NULL,
        executor TEXT NOT NULL,
        designs INTEGER NOT NULL,
        seconds REAL NOT NULL,
        failures INTEGER NOT NULL,
        updated_ns INTEGER NOT NULL,
        PRIMARY KEY (run_id, host, pid),
        FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE,
        CONSTRAINT counts_positive CHECK (designs >= 0 AND failures >= 0),
        CONSTRAINT seconds_finite CHECK (seconds >= 0 AND seconds < 9e999)
    ) WITHOUT ROWID, STRICT
    ;
INSERT INTO "worker" VALUES(2,'host',4711,'loky',4,0.25,1,1700000000000000000);
CREATE INDEX run_by_task ON run (task_key);
CREATE INDEX run_by_status ON run (status);
CREATE INDEX tag_by_word ON tag (word);
CREATE INDEX accuracy_by_family ON accuracy (family_key, data_key);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('source_model',1);
INSERT INTO "sqlite_sequence" VALUES('run',2);
COMMIT;
PRAGMA application_id = 1146307927;
PRAGMA user_version = 6;
