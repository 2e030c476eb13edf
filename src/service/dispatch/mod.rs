pub mod ledger;
pub mod traffic;
