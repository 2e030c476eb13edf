//! What a demo found, as one document and as a table.

use std::collections::BTreeMap;

use comfy_table::{CellAlignment, Table, presets};
use serde::{Deserialize, Serialize};

/// The whole demo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub seed: u64,
    pub deployments: Vec<Deployment>,
    pub agents: Vec<Agent>,
}

/// One deployment event and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    pub signature: String,
    pub true_capacity_rps: f64,
    /// What the engine goes by after this deployment; `None` if it measured nothing.
    pub measured_max_rps: Option<f64>,
    pub load_tested: bool,
    /// Each agent's rate afterwards.
    pub rates: BTreeMap<String, f64>,
    /// The target's phase afterwards.
    pub phase: String,
    /// `None` where no rule matched.
    pub run_id: Option<String>,
    /// From the event's 202 to the end of its run; to the routing of the event where there was none.
    pub seconds: f64,
    /// From sending the event to its 202; shown to people only.
    #[serde(skip)]
    pub accepted_ms: f64,
}

/// One agent at the end, while its clients send more than it may pass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    pub id: String,
    pub rate_rps: f64,
    pub offered_rps: f64,
    pub passed_rps: f64,
}

/// Largest share by which a measured capacity may differ from the true one.
pub const CAPACITY_TOLERANCE: f64 = 0.05;
/// Largest share by which what an agent passes may differ from its rate.
pub const RATE_TOLERANCE: f64 = 0.02;

impl Report {
    /// Everything that did not come out as it should; empty for a demo that kept its promise.
    pub fn shortcomings(&self) -> Vec<String> {
        let mut found = Vec::new();
        for deployment in &self.deployments {
            let name = &deployment.signature;
            match deployment.measured_max_rps {
                Some(measured) => {
                    let off = measured / deployment.true_capacity_rps - 1.0;
                    if off.abs() > CAPACITY_TOLERANCE {
                        found.push(format!("{name}: measured {:+.1} % off the true capacity", off * 100.0));
                    }
                }
                None => found.push(format!("{name}: no capacity is known")),
            }
            if deployment.phase != "stable" {
                found.push(format!("{name}: the target ended {}", deployment.phase));
            }
        }
        for agent in &self.agents {
            let off = agent.passed_rps / agent.rate_rps - 1.0;
            if off.is_nan() || off.abs() > RATE_TOLERANCE {
                found.push(format!("{}: passed {:+.1} % off its rate", agent.id, off * 100.0));
            }
        }
        found
    }

    /// The report as one document, its fields in the order in which they are declared.
    pub fn to_json(&self) -> String {
        // Text keys and finite numbers: it has a form as JSON.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// The report as tables for people.
    pub fn to_text(&self) -> String {
        let mut deployments = table(&[
            "deployment",
            "true rps",
            "measured rps",
            "off",
            "load test",
            "rates",
            "phase",
            "202 after ms",
            "seconds",
        ]);
        for deployment in &self.deployments {
            let rates: Vec<_> = deployment.rates.iter().map(|(id, rate)| format!("{id} {rate:.1}")).collect();
            let measured = deployment.measured_max_rps;
            let off = measured.map(|measured| (measured / deployment.true_capacity_rps - 1.0) * 100.0);
            let test = match (&deployment.run_id, deployment.load_tested) {
                (None, _) => "no rule matched",
                (Some(_), true) => "yes",
                (Some(_), false) => "no, on record",
            };
            deployments.add_row([
                deployment.signature.clone(),
                format!("{:.1}", deployment.true_capacity_rps),
                measured.map_or("–".to_owned(), |measured| format!("{measured:.1}")),
                off.map_or("–".to_owned(), |off| format!("{off:+.1} %")),
                test.to_owned(),
                rates.join(", "),
                deployment.phase.clone(),
                format!("{:.1}", deployment.accepted_ms),
                format!("{:.1}", deployment.seconds),
            ]);
        }
        let mut agents = table(&["agent", "rate rps", "offered rps", "passed rps", "off"]);
        for agent in &self.agents {
            agents.add_row([
                agent.id.clone(),
                format!("{:.1}", agent.rate_rps),
                format!("{:.1}", agent.offered_rps),
                format!("{:.1}", agent.passed_rps),
                format!("{:+.1} %", (agent.passed_rps / agent.rate_rps - 1.0) * 100.0),
            ]);
        }
        for (table, numbers) in [(&mut deployments, [1, 2, 3, 7, 8].as_slice()), (&mut agents, &[1, 2, 3, 4])] {
            for column in numbers {
                if let Some(column) = table.column_mut(*column) {
                    column.set_cell_alignment(CellAlignment::Right);
                }
            }
        }
        format!("{deployments}\n\n{agents}")
    }
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_header(header.iter().copied());
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let deployment = Deployment {
            signature: "deployment-a".to_owned(),
            true_capacity_rps: 400.0,
            measured_max_rps: Some(396.0),
            load_tested: true,
            rates: BTreeMap::from([("agent-1".to_owned(), 158.4)]),
            phase: "stable".to_owned(),
            run_id: None,
            seconds: 12.5,
            accepted_ms: 1.25,
        };
        let agent = Agent { id: "agent-1".to_owned(), rate_rps: 158.4, offered_rps: 220.0, passed_rps: 158.0 };
        Report { seed: 7, deployments: vec![deployment], agents: vec![agent] }
    }

    #[test]
    fn the_document_is_as_documented_and_people_get_tables() {
        insta::assert_snapshot!(report().to_json());
        insta::assert_snapshot!(report().to_text());
    }

    #[test]
    fn what_is_off_is_said() {
        assert_eq!(report().shortcomings(), Vec::<String>::new());
        let mut off = report();
        off.deployments[0].measured_max_rps = Some(421.0);
        off.deployments[0].phase = "degraded".to_owned();
        off.agents[0].passed_rps = 150.0;
        assert_eq!(off.shortcomings().len(), 3, "{:?}", off.shortcomings());
    }
}
