//! Traffic for a real etcd: every kind of request that its log can hold, at random but the same for the same seed.

use serde_json::{Value, json};

use super::{
    gateway::{Gateway, b64},
    random::Random,
};

/// What is thrown for.
pub struct Dice(Random);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(Random::seeded(seed))
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.0.next() as u64 % n
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn key(&mut self) -> String {
        format!("{}{}", ["a", "b/", "c"][self.below(3) as usize], self.below(6))
    }

    fn value(&mut self) -> String {
        format!("value {}", self.below(4)).repeat(1 + self.below(3) as usize)
    }
}

/// Traffic of one client.
pub struct Traffic {
    pub dice: Dice,
    pub gateway: Gateway,
    /// Without what older releases do not check the rights of: of what a transaction puts, the lease and what was there
    /// before. etcd 3.4.23 is one; 3.4.45, 3.5.33 and 3.6.14 check it.
    pub plain: bool,
    /// No transactions in transactions: these do not check their rights either, nor whether there is space. And no
    /// permissions for a range that ends before it begins, which later ones refuse.
    flat: bool,
    /// Whether the transaction at hand deletes something. A put in it that keeps what was there may find nothing then,
    /// and no etcd survives that.
    deletes: bool,
    leases: Vec<i64>,
    revision: i64,
}

impl Traffic {
    pub fn new(seed: u64, gateway: Gateway) -> Self {
        let flat = gateway.version().starts_with("3.4.");
        Self { dice: Dice::new(seed), gateway, plain: false, flat, deletes: false, leases: Vec::new(), revision: 1 }
    }

    /// One request about keys and leases. etcd may refuse it: that is in the log, too.
    pub fn step(&mut self) {
        let (path, request) = match self.dice.below(20) {
            0..=7 => ("/v3/kv/put", self.put()),
            8..=9 => ("/v3/kv/deleterange", self.delete()),
            10..=14 => ("/v3/kv/txn", self.txn(0)),
            15 => ("/v3/lease/grant", json!({"TTL": 3600 + self.dice.below(10), "ID": 1000 + self.dice.below(8)})),
            16 => ("/v3/lease/revoke", json!({"ID": self.lease()})),
            17 if self.dice.one_in(3) => {
                let at = (self.revision - self.dice.below(12) as i64).max(1);
                ("/v3/kv/compaction", json!({"revision": at, "physical": self.dice.one_in(2)}))
            }
            _ => ("/v3/kv/put", self.put()),
        };
        if let Ok(answer) = self.gateway.ask(path, &request) {
            if let Some(revision) = answer["header"]["revision"].as_str() {
                self.revision = revision.parse().unwrap();
            }
            if let Some(id) = answer["ID"].as_str() {
                self.leases.push(id.parse().unwrap());
            }
        }
    }

    /// Now and then something that is not about keys: alarms, users and roles.
    pub fn rare(&mut self) {
        let role = format!("r{}", self.dice.below(3));
        let user = format!("u{}", self.dice.below(3));
        let key = self.dice.key();
        let end = if self.dice.one_in(3) { b64("\0") } else { self.end(&key, !self.flat) };
        let alarm = |action: &str| json!({"action": action, "memberID": 5, "alarm": "NOSPACE"});
        let (path, request) = match self.dice.below(12) {
            0 => ("/v3/maintenance/alarm", alarm("ACTIVATE")),
            1 | 2 => ("/v3/maintenance/alarm", alarm("DEACTIVATE")),
            3 => ("/v3/auth/role/add", json!({"name": role})),
            4 | 5 => {
                let kind = ["READ", "WRITE", "READWRITE"][self.dice.below(3) as usize];
                let permission = json!({"permType": kind, "key": b64(&key), "range_end": end});
                ("/v3/auth/role/grant", json!({"name": role, "perm": permission}))
            }
            6 => ("/v3/auth/role/revoke", json!({"role": role, "key": b64(&key), "range_end": end})),
            7 if self.dice.one_in(2) => ("/v3/auth/role/delete", json!({"role": role})),
            7 => ("/v3/auth/user/delete", json!({"name": user})),
            8 => ("/v3/auth/user/add", json!({"name": user, "password": "secret"})),
            9 => ("/v3/auth/user/changepw", json!({"name": user, "password": "other"})),
            10 => ("/v3/auth/user/grant", json!({"user": user, "role": role})),
            _ => ("/v3/auth/user/revoke", json!({"name": user, "role": role})),
        };
        let _ = self.gateway.ask(path, &request);
    }

    fn lease(&mut self) -> i64 {
        match self.leases.len() {
            0 => 77,
            n => self.leases[self.dice.below(n as u64) as usize],
        }
    }

    fn put(&mut self) -> Value {
        let mut put = json!({"key": b64(&self.dice.key()), "value": b64(&self.dice.value())});
        if self.dice.one_in(3) {
            put["lease"] = self.lease().into();
        }
        put["prev_kv"] = self.dice.one_in(4).into();
        if self.dice.one_in(6) {
            put["ignore_value"] = true.into();
            put["value"] = "".into();
        } else if self.dice.one_in(6) {
            put["ignore_lease"] = true.into();
            put["lease"] = 0.into();
        }
        put
    }

    fn delete(&mut self) -> Value {
        let key = self.dice.key();
        let mut delete = json!({"key": b64(&key)});
        match self.dice.below(8) {
            0 => delete["range_end"] = b64("\0").into(),
            1 | 2 => delete["range_end"] = self.end(&key, true).into(),
            _ => {}
        }
        delete
    }

    /// The end of a range that begins with `key`, or before it if it may. Where rights are checked it may not: whether
    /// etcd finds the right to such a range depends on the shape of a tree (`adt.IntervalTree.Contains`).
    fn end(&mut self, key: &str, may: bool) -> String {
        let end = self.dice.key();
        let so = end.as_str() > key || (may && !self.gateway.is_somebody());
        b64(if so { &end } else { "\0" })
    }

    fn txn(&mut self, depth: u64) -> Value {
        self.deletes &= depth > 0;
        let compare: Vec<_> = (0..self.dice.below(3)).map(|_| self.compare()).collect();
        let success: Vec<_> = (0..self.dice.below(4)).map(|_| self.operation(depth)).collect();
        let failure: Vec<_> = (0..self.dice.below(4)).map(|_| self.operation(depth)).collect();
        json!({"compare": compare, "success": success, "failure": failure})
    }

    fn operation(&mut self, depth: u64) -> Value {
        match self.dice.below(6) {
            0..=2 => {
                let mut put = self.put();
                if self.plain {
                    put["lease"] = 0.into();
                    put["prev_kv"] = false.into();
                }
                if self.deletes {
                    put["ignore_value"] = false.into();
                    put["ignore_lease"] = false.into();
                }
                json!({"request_put": put})
            }
            3 => {
                self.deletes = true;
                json!({"request_delete_range": self.delete()})
            }
            4 if depth < 2 && !self.flat => json!({"request_txn": self.txn(depth + 1)}),
            _ => json!({"request_range": {"key": b64(&self.dice.key())}}),
        }
    }

    fn compare(&mut self) -> Value {
        let result = ["EQUAL", "GREATER", "LESS", "NOT_EQUAL"][self.dice.below(4) as usize];
        let revision = (self.revision - self.dice.below(9) as i64).max(0);
        let key = self.dice.key();
        let mut compare = json!({"result": result, "key": b64(&key)});
        let (target, field, with): (&str, &str, Value) = match self.dice.below(5) {
            0 => ("VERSION", "version", (self.dice.below(4) as i64).into()),
            1 => ("CREATE", "create_revision", if self.dice.one_in(2) { 0.into() } else { revision.into() }),
            2 => ("MOD", "mod_revision", revision.into()),
            3 => ("VALUE", "value", b64(&self.dice.value()).into()),
            _ => ("LEASE", "lease", self.lease().into()),
        };
        compare["target"] = target.into();
        compare[field] = with;
        if self.dice.one_in(4) {
            compare["range_end"] = if self.dice.one_in(2) { b64("\0") } else { self.end(&key, true) }.into();
        }
        compare
    }
}
