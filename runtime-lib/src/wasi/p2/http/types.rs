//! Values of `wasi:http/types`, of all versions.

use crate::host::http::{
    DnsErrorPayload, ErrorCode, FieldSizePayload, FieldsError, Method, Scheme,
    TlsAlertReceivedPayload,
};
use crate::{record_values, variant, variant_values};

record_values! { DnsErrorPayload { rcode: Option<String>, info_code: Option<u16> } }

record_values! {
    TlsAlertReceivedPayload { alert_id: Option<u8>, alert_message: Option<String> }
}

record_values! { FieldSizePayload { field_name: Option<String>, field_size: Option<u32> } }

variant_values! {
    Method { Get, Head, Post, Put, Delete, Connect, Options, Trace, Patch, Other(String) }
}

variant_values! { Scheme { Http, Https, Other(String) } }

variant! {
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub enum HeaderError { InvalidSyntax, Forbidden, Immutable }
}

/// One list, two views: the values, and the names that people read.
macro_rules! error_codes {
    ($( $case:ident $( ($type:ty) )? $name:literal, )*) => {
        variant_values! { ErrorCode { $( $case $( ($type) )? ),* } }

        impl ErrorNames for ErrorCode {
            fn name(&self) -> &'static str {
                match self {
                    $( ErrorCode::$case { .. } => $name, )*
                }
            }
        }
    };
}

/// The names of error codes.
pub trait ErrorNames {
    fn name(&self) -> &'static str;
}

error_codes! {
    DnsTimeout "DNS-timeout",
    DnsError(DnsErrorPayload) "DNS-error",
    DestinationNotFound "destination-not-found",
    DestinationUnavailable "destination-unavailable",
    DestinationIpProhibited "destination-IP-prohibited",
    DestinationIpUnroutable "destination-IP-unroutable",
    ConnectionRefused "connection-refused",
    ConnectionTerminated "connection-terminated",
    ConnectionTimeout "connection-timeout",
    ConnectionReadTimeout "connection-read-timeout",
    ConnectionWriteTimeout "connection-write-timeout",
    ConnectionLimitReached "connection-limit-reached",
    TlsProtocolError "TLS-protocol-error",
    TlsCertificateError "TLS-certificate-error",
    TlsAlertReceived(TlsAlertReceivedPayload) "TLS-alert-received",
    HttpRequestDenied "HTTP-request-denied",
    HttpRequestLengthRequired "HTTP-request-length-required",
    HttpRequestBodySize(Option<u64>) "HTTP-request-body-size",
    HttpRequestMethodInvalid "HTTP-request-method-invalid",
    HttpRequestUriInvalid "HTTP-request-URI-invalid",
    HttpRequestUriTooLong "HTTP-request-URI-too-long",
    HttpRequestHeaderSectionSize(Option<u32>) "HTTP-request-header-section-size",
    HttpRequestHeaderSize(Option<FieldSizePayload>) "HTTP-request-header-size",
    HttpRequestTrailerSectionSize(Option<u32>) "HTTP-request-trailer-section-size",
    HttpRequestTrailerSize(FieldSizePayload) "HTTP-request-trailer-size",
    HttpResponseIncomplete "HTTP-response-incomplete",
    HttpResponseHeaderSectionSize(Option<u32>) "HTTP-response-header-section-size",
    HttpResponseHeaderSize(FieldSizePayload) "HTTP-response-header-size",
    HttpResponseBodySize(Option<u64>) "HTTP-response-body-size",
    HttpResponseTrailerSectionSize(Option<u32>) "HTTP-response-trailer-section-size",
    HttpResponseTrailerSize(FieldSizePayload) "HTTP-response-trailer-size",
    HttpResponseTransferCoding(Option<String>) "HTTP-response-transfer-coding",
    HttpResponseContentCoding(Option<String>) "HTTP-response-content-coding",
    HttpResponseTimeout "HTTP-response-timeout",
    HttpUpgradeFailed "HTTP-upgrade-failed",
    HttpProtocolError "HTTP-protocol-error",
    LoopDetected "loop-detected",
    ConfigurationError "configuration-error",
    InternalError(Option<String>) "internal-error",
}

impl HeaderError {
    /// Nothing for what this version has no error for.
    pub(super) fn of(error: FieldsError) -> Option<HeaderError> {
        Some(match error {
            FieldsError::InvalidSyntax => HeaderError::InvalidSyntax,
            FieldsError::Forbidden => HeaderError::Forbidden,
            FieldsError::Immutable => HeaderError::Immutable,
            FieldsError::TooLarge => return None,
        })
    }
}
