//! Which check a failure of rustls means.

use std::io;
use std::sync::Arc;

use rustls::{AlertDescription, CertificateError, InvalidMessage, PeerIncompatible};

use super::TlsErrorKind;
use super::pins::PinMismatch;
use super::verify::SelfSigned;

/// What the client did about a certificate of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ours {
    /// The server asked for one.
    pub(super) asked: bool,
    /// It was given one.
    pub(super) presented: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) kind: TlsErrorKind,
    pub(super) self_signed: bool,
    pub(super) pins: Arc<[String]>,
}

impl From<TlsErrorKind> for Failure {
    fn from(kind: TlsErrorKind) -> Self {
        Self { kind, self_signed: false, pins: Arc::default() }
    }
}

/// What a handshake failed with.
pub(super) fn of(error: &io::Error, ours: Ours) -> Failure {
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(rustls::Error::InvalidCertificate(CertificateError::Other(other))) => of_other(&other.0),
        Some(rustls::Error::InvalidCertificate(error)) => of_certificate(error).into(),
        Some(error) => of_protocol(error, ours).into(),
        None => TlsErrorKind::Handshake.into(),
    }
}

/// Whether an error after the handshake is the server's word about the client's certificate.
pub(super) fn is_refusal(error: &io::Error, ours: Ours) -> bool {
    let kinds = [TlsErrorKind::ClientCertificateRequired, TlsErrorKind::ClientCertificateRefused];
    kinds.contains(&of(error, ours).kind)
}

fn of_protocol(error: &rustls::Error, ours: Ours) -> TlsErrorKind {
    use rustls::Error as E;
    match error {
        E::NoCertificatesPresented => TlsErrorKind::BadCertificate,
        E::InvalidCertRevocationList(_) => TlsErrorKind::UnknownRevocationStatus,
        E::InvalidMessage(InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion) => {
            TlsErrorKind::NotTls
        }
        E::PeerIncompatible(what) => of_incompatible(what),
        E::AlertReceived(alert) => of_alert(*alert, ours),
        _ => TlsErrorKind::Handshake,
    }
}

fn of_incompatible(what: &PeerIncompatible) -> TlsErrorKind {
    use PeerIncompatible as P;
    match what {
        P::ServerDoesNotSupportTls12Or13 | P::ServerTlsVersionIsDisabledByOurConfig => TlsErrorKind::NoCommonVersion,
        P::NoCipherSuitesInCommon
        | P::NoKxGroupsInCommon
        | P::NoSignatureSchemesInCommon
        | P::NoEcPointFormatsInCommon => TlsErrorKind::NoCommonCipher,
        _ => TlsErrorKind::Handshake,
    }
}

/// What an alert of the server's means ([RFC 8446 §6.2](https://www.rfc-editor.org/rfc/rfc8446#section-6.2)). Those
/// about certificates can only mean the client's; before `certificate_required`, which is of TLS 1.3, servers said that
/// there was none by `bad_certificate` or `handshake_failure`.
fn of_alert(alert: AlertDescription, ours: Ours) -> TlsErrorKind {
    use AlertDescription as A;
    let certificate =
        if ours.presented { TlsErrorKind::ClientCertificateRefused } else { TlsErrorKind::ClientCertificateRequired };
    match alert {
        A::CertificateRequired | A::NoCertificate => TlsErrorKind::ClientCertificateRequired,
        A::BadCertificate
        | A::UnsupportedCertificate
        | A::CertificateRevoked
        | A::CertificateExpired
        | A::CertificateUnknown
        | A::UnknownCA => certificate,
        A::HandshakeFailure | A::AccessDenied if ours.asked => certificate,
        A::HandshakeFailure | A::InsufficientSecurity => TlsErrorKind::NoCommonCipher,
        A::ProtocolVersion => TlsErrorKind::NoCommonVersion,
        A::NoApplicationProtocol => TlsErrorKind::NoCommonProtocol,
        A::UnrecognisedName => TlsErrorKind::UnknownName,
        _ => TlsErrorKind::Handshake,
    }
}

fn of_certificate(error: &CertificateError) -> TlsErrorKind {
    use CertificateError as C;
    match error {
        C::Expired | C::ExpiredContext { .. } => TlsErrorKind::Expired,
        C::NotValidYet | C::NotValidYetContext { .. } => TlsErrorKind::NotValidYet,
        C::Revoked => TlsErrorKind::Revoked,
        C::UnknownRevocationStatus | C::ExpiredRevocationList | C::ExpiredRevocationListContext { .. } => {
            TlsErrorKind::UnknownRevocationStatus
        }
        C::UnknownIssuer => TlsErrorKind::UnknownIssuer,
        C::NotValidForName | C::NotValidForNameContext { .. } => TlsErrorKind::WrongName,
        C::InvalidPurpose | C::InvalidPurposeContext { .. } => TlsErrorKind::BadPurpose,
        _ => TlsErrorKind::BadCertificate,
    }
}

/// What this crate's verifier says, or webpki without a word of its own in rustls.
fn of_other(error: &Arc<dyn std::error::Error + Send + Sync>) -> Failure {
    if let Some(PinMismatch { presented }) = error.downcast_ref() {
        return Failure { pins: presented.clone(), ..TlsErrorKind::PinMismatch.into() };
    }
    if error.is::<SelfSigned>() {
        return Failure { self_signed: true, ..TlsErrorKind::UnknownIssuer.into() };
    }
    match error.downcast_ref() {
        Some(webpki::Error::NameConstraintViolation) => TlsErrorKind::NameConstraints.into(),
        Some(webpki::Error::CaUsedAsEndEntity) => TlsErrorKind::BadPurpose.into(),
        _ => TlsErrorKind::BadCertificate.into(),
    }
}

#[cfg(test)]
mod tests {
    use rustls::OtherError;

    use super::*;

    fn kind(error: rustls::Error, ours: Ours) -> TlsErrorKind {
        of(&io::Error::new(io::ErrorKind::InvalidData, error), ours).kind
    }

    #[test]
    fn an_alert_about_certificates_means_the_clients() {
        use AlertDescription as A;
        let none = Ours { asked: true, presented: false };
        let ours = Ours { asked: true, presented: true };
        for (alert, with, kind_of_it) in [
            (A::CertificateRequired, none, TlsErrorKind::ClientCertificateRequired),
            (A::CertificateRequired, ours, TlsErrorKind::ClientCertificateRequired),
            (A::BadCertificate, none, TlsErrorKind::ClientCertificateRequired),
            (A::BadCertificate, ours, TlsErrorKind::ClientCertificateRefused),
            (A::UnknownCA, ours, TlsErrorKind::ClientCertificateRefused),
            (A::CertificateExpired, ours, TlsErrorKind::ClientCertificateRefused),
            (A::AccessDenied, ours, TlsErrorKind::ClientCertificateRefused),
            (A::AccessDenied, Ours::default(), TlsErrorKind::Handshake),
            (A::HandshakeFailure, none, TlsErrorKind::ClientCertificateRequired),
            (A::HandshakeFailure, ours, TlsErrorKind::ClientCertificateRefused),
            (A::HandshakeFailure, Ours::default(), TlsErrorKind::NoCommonCipher),
            (A::InsufficientSecurity, Ours::default(), TlsErrorKind::NoCommonCipher),
            (A::ProtocolVersion, Ours::default(), TlsErrorKind::NoCommonVersion),
            (A::NoApplicationProtocol, Ours::default(), TlsErrorKind::NoCommonProtocol),
            (A::UnrecognisedName, Ours::default(), TlsErrorKind::UnknownName),
            (A::InternalError, Ours::default(), TlsErrorKind::Handshake),
        ] {
            assert_eq!(kind(rustls::Error::AlertReceived(alert), with), kind_of_it, "{alert:?} {with:?}");
        }
    }

    #[test]
    fn each_check_has_its_kind() {
        use CertificateError as C;
        let other = |error: webpki::Error| C::Other(OtherError(Arc::new(error)));
        for (error, expected) in [
            (C::Expired, TlsErrorKind::Expired),
            (C::NotValidYet, TlsErrorKind::NotValidYet),
            (C::Revoked, TlsErrorKind::Revoked),
            (C::UnknownRevocationStatus, TlsErrorKind::UnknownRevocationStatus),
            (C::ExpiredRevocationList, TlsErrorKind::UnknownRevocationStatus),
            (C::UnknownIssuer, TlsErrorKind::UnknownIssuer),
            (C::NotValidForName, TlsErrorKind::WrongName),
            (C::InvalidPurpose, TlsErrorKind::BadPurpose),
            (C::BadSignature, TlsErrorKind::BadCertificate),
            (other(webpki::Error::NameConstraintViolation), TlsErrorKind::NameConstraints),
            (other(webpki::Error::CaUsedAsEndEntity), TlsErrorKind::BadPurpose),
            (other(webpki::Error::EndEntityUsedAsCa), TlsErrorKind::BadCertificate),
        ] {
            let error = rustls::Error::InvalidCertificate(error);
            assert_eq!(kind(error.clone(), Ours::default()), expected, "{error:?}");
        }
    }

    #[test]
    fn what_the_peer_cannot_do_is_told_apart() {
        for (error, expected) in [
            (PeerIncompatible::ServerDoesNotSupportTls12Or13.into(), TlsErrorKind::NoCommonVersion),
            (PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig.into(), TlsErrorKind::NoCommonVersion),
            (PeerIncompatible::NoCipherSuitesInCommon.into(), TlsErrorKind::NoCommonCipher),
            (InvalidMessage::InvalidContentType.into(), TlsErrorKind::NotTls),
            (rustls::Error::DecryptError, TlsErrorKind::Handshake),
        ] {
            assert_eq!(kind(error, Ours::default()), expected);
        }
        let cut = io::Error::from(io::ErrorKind::UnexpectedEof);
        assert_eq!(of(&cut, Ours::default()), TlsErrorKind::Handshake.into());
    }
}
