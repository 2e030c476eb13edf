use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

fn vault(byte: u8) -> Vault {
    Vault::new(&Sealing::Key(MasterKey::from_bytes(&[byte; 32]))).unwrap()
}

/// Salt and nonce: what must never repeat under one master key.
fn place(blob: &[u8]) -> Vec<u8> {
    blob[1 + KeyId::LENGTH..HEADER_LENGTH + NONCE_LENGTH].to_vec()
}

#[test]
fn a_blob_has_the_documented_layout() {
    let vault = vault(1);
    let first = vault.seal(&["journal", "run", "0"], b"text").unwrap();
    let second = vault.seal(&["journal", "run", "1"], b"text").unwrap();
    assert_eq!(first[0], 1);
    assert_eq!(&first[1..9], vault.key_id().unwrap().as_bytes());
    assert_eq!(first[9..41], second[9..41]);
    assert_eq!(first[41..53], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(second[41..53], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    assert_eq!(first.len(), 53 + 4 + 16);

    // Made again from the primitives alone.
    let key = derive_key(&[1; 32], &first[9..41], b"homeostat subkey 1");
    let mut associated = first[..41].to_vec();
    for attribute in ["journal", "run", "0"] {
        associated.extend([0, 0, 0, u8::try_from(attribute.len()).unwrap()]);
        associated.extend(attribute.bytes());
    }
    assert_eq!(Cipher::new(&key).encrypt(&[0; 12], &associated, b"text").unwrap(), first[53..]);
}

#[test]
fn what_is_sealed_does_not_show() {
    let blob = vault(1).seal(&["events"], b"a secret that stands in the text").unwrap();
    assert!(!blob.windows(6).any(|window| window == b"secret"));
}

#[test]
fn another_start_and_another_subkey_open_it_too() {
    let sealing = Sealing::Key(MasterKey::generate().unwrap());
    let first = Vault::with_turnover(&sealing, 2).unwrap();
    let blobs: Vec<_> = (0u8..7).map(|i| first.seal(&["row"], &[i]).unwrap()).collect();
    let salts: HashSet<_> = blobs.iter().map(|blob| blob[9..41].to_vec()).collect();
    assert_eq!(salts.len(), 4, "a subkey seals two blobs here");
    let second = Vault::new(&sealing).unwrap();
    for (i, blob) in (0u8..).zip(&blobs) {
        assert_eq!(second.open(&["row"], blob), Ok(vec![i]));
    }
}

#[test]
fn another_key_is_told_apart_from_damage() {
    let blob = vault(1).seal(&["row"], b"text").unwrap();
    assert_eq!(vault(2).open(&["row"], &blob), Err(OpenError::WrongKey(vault(1).key_id().unwrap())));
}

#[test]
fn plain_and_sealed_do_not_stand_in_for_each_other() {
    let off = Vault::new(&Sealing::Off).unwrap();
    let plain = off.seal(&["row"], b"text").unwrap();
    assert_eq!(off.open(&["row"], &plain).as_deref(), Ok(b"text".as_slice()));
    assert_eq!(vault(1).open(&["row"], &plain), Err(OpenError::Damaged));
    assert_eq!(off.open(&["row"], &vault(1).seal(&["row"], b"text").unwrap()), Err(OpenError::Damaged));
    assert_eq!(off.open(&["row"], b""), Err(OpenError::Damaged));
}

#[test]
fn nonces_never_repeat_between_threads() {
    let vault = Vault::with_turnover(&Sealing::Key(MasterKey::generate().unwrap()), 100).unwrap();
    let places: Vec<_> = std::thread::scope(|scope| {
        let seal = || (0..500).map(|_| place(&vault.seal(&["row"], b"").unwrap())).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(seal)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(places.iter().collect::<HashSet<_>>().len(), places.len());
}

proptest! {
    #[test]
    fn what_was_sealed_opens(plain: Vec<u8>, attributes: Vec<String>) {
        let vault = vault(1);
        let attributes: Vec<_> = attributes.iter().map(String::as_str).collect();
        let blob = vault.seal(&attributes, &plain).unwrap();
        prop_assert_eq!(vault.open(&attributes, &blob), Ok(plain));
    }

    #[test]
    fn a_flipped_bit_is_found(plain: Vec<u8>, bit: prop::sample::Index) {
        let vault = vault(1);
        let mut blob = vault.seal(&["journal", "run", "0"], &plain).unwrap();
        let bit = bit.index(blob.len() * 8);
        blob[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(vault.open(&["journal", "run", "0"], &blob).is_err());
    }

    #[test]
    fn a_cut_is_found(plain: Vec<u8>, cut: prop::sample::Index) {
        let vault = vault(1);
        let blob = vault.seal(&["row"], &plain).unwrap();
        prop_assert_eq!(vault.open(&["row"], &blob[..cut.index(blob.len())]), Err(OpenError::Damaged));
    }

    #[test]
    fn other_attributes_do_not_open_it(
        sealed in prop::collection::vec("[ab]{0,2}", 0..3),
        opened in prop::collection::vec("[ab]{0,2}", 0..3),
    ) {
        let vault = vault(1);
        let sealed: Vec<_> = sealed.iter().map(String::as_str).collect();
        let opened: Vec<_> = opened.iter().map(String::as_str).collect();
        let blob = vault.seal(&sealed, b"text").unwrap();
        prop_assert_eq!(vault.open(&opened, &blob).is_ok(), sealed == opened);
    }

    #[test]
    fn hostile_bytes_do_no_harm(blob: Vec<u8>) {
        prop_assert!(vault(1).open(&["row"], &blob).is_err());
    }
}
