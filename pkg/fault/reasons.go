package fault

// Reason is the stable, upper-case name of a failure. Programs may depend on it:
// a reason is never renamed and never used for something else. The values equal
// those of the enum ferrule.error.v1.Reason without the prefix REASON_.
type Reason string

// The reasons. Each comment completes the sentence "the request met …".
const (
	// ReasonInternal: a failure that nobody foresaw; the log has it under the error's id.
	ReasonInternal Reason = "INTERNAL"
	// ReasonInvalidArgument: a request that breaks the rules of its fields, see the violations.
	ReasonInvalidArgument Reason = "INVALID_ARGUMENT"
	// ReasonInvalidName: a resource name or id that is not well formed.
	ReasonInvalidName Reason = "INVALID_NAME"
	// ReasonInvalidPageToken: a page token that is damaged, or that belongs to another request.
	ReasonInvalidPageToken Reason = "INVALID_PAGE_TOKEN"
	// ReasonUnauthenticated: a request without a valid token or service identity.
	ReasonUnauthenticated Reason = "UNAUTHENTICATED"
	// ReasonPermissionDenied: a caller that lacks the role for this.
	ReasonPermissionDenied Reason = "PERMISSION_DENIED"
	// ReasonServiceOnly: an internal method, called by somebody who is not one of its services.
	ReasonServiceOnly Reason = "SERVICE_ONLY"
	// ReasonDeadlineExceeded: a request whose time was over before it was finished.
	ReasonDeadlineExceeded Reason = "DEADLINE_EXCEEDED"
	// ReasonCanceled: a request whose caller went away.
	ReasonCanceled Reason = "CANCELED"
	// ReasonServiceUnavailable: one of our own services that cannot be reached now.
	ReasonServiceUnavailable Reason = "SERVICE_UNAVAILABLE"
	// ReasonEnvironmentNotFound: an environment that does not exist.
	ReasonEnvironmentNotFound Reason = "ENVIRONMENT_NOT_FOUND"
	// ReasonConnectorNotFound: a connector that does not exist.
	ReasonConnectorNotFound Reason = "CONNECTOR_NOT_FOUND"
	// ReasonConnectorNotPublished: a connector without a published revision.
	ReasonConnectorNotPublished Reason = "CONNECTOR_NOT_PUBLISHED"
	// ReasonRevisionNotFound: a revision that does not exist.
	ReasonRevisionNotFound Reason = "REVISION_NOT_FOUND"
	// ReasonEtagMismatch: an update of something that changed since it was read.
	ReasonEtagMismatch Reason = "ETAG_MISMATCH"
	// ReasonOperationNotFound: an operation that the connector does not have.
	ReasonOperationNotFound Reason = "OPERATION_NOT_FOUND"
	// ReasonOperationNotSupported: an operation that exists and cannot be called this way.
	ReasonOperationNotSupported Reason = "OPERATION_NOT_SUPPORTED"
	// ReasonDocumentTooLarge: an API description over the size limit.
	ReasonDocumentTooLarge Reason = "DOCUMENT_TOO_LARGE"
	// ReasonDocumentTooDeep: an API description nested over the depth limit.
	ReasonDocumentTooDeep Reason = "DOCUMENT_TOO_DEEP"
	// ReasonDocumentNotUTF8: an API description in another encoding.
	ReasonDocumentNotUTF8 Reason = "DOCUMENT_NOT_UTF8"
	// ReasonDocumentSyntax: an API description that is not well-formed JSON, YAML or XML.
	ReasonDocumentSyntax Reason = "DOCUMENT_SYNTAX"
	// ReasonDocumentFormatUnknown: an API description in a format that no importer knows.
	ReasonDocumentFormatUnknown Reason = "DOCUMENT_FORMAT_UNKNOWN"
	// ReasonDocumentInvalid: an API description that is well formed and makes no sense.
	ReasonDocumentInvalid Reason = "DOCUMENT_INVALID"
	// ReasonDocumentUnreachable: an API description whose address gave no answer.
	ReasonDocumentUnreachable Reason = "DOCUMENT_UNREACHABLE"
	// ReasonConnectionNotFound: a connection that does not exist.
	ReasonConnectionNotFound Reason = "CONNECTION_NOT_FOUND"
	// ReasonConnectionExists: a connection id that is taken.
	ReasonConnectionExists Reason = "CONNECTION_EXISTS"
	// ReasonConnectionParametersInvalid: connection parameters that the connector does not accept.
	ReasonConnectionParametersInvalid Reason = "CONNECTION_PARAMETERS_INVALID"
	// ReasonConnectionNotReady: a connection that must be authorized, or authorized again.
	ReasonConnectionNotReady Reason = "CONNECTION_NOT_READY"
	// ReasonAuthKindNotSupported: a kind of authentication that this server cannot do.
	ReasonAuthKindNotSupported Reason = "AUTH_KIND_NOT_SUPPORTED"
	// ReasonHostNotAllowed: a host that the connector or a data policy does not allow.
	ReasonHostNotAllowed Reason = "HOST_NOT_ALLOWED"
	// ReasonCredentialUnreadable: a stored credential that cannot be decrypted.
	ReasonCredentialUnreadable Reason = "CREDENTIAL_UNREADABLE"
	// ReasonEgressRefused: an address that the egress guard refuses to connect to.
	ReasonEgressRefused Reason = "EGRESS_REFUSED"
	// ReasonInputInvalid: the input of an operation that does not fit its schema.
	ReasonInputInvalid Reason = "INPUT_INVALID"
	// ReasonInputTooLarge: the input of an operation over the size limit.
	ReasonInputTooLarge Reason = "INPUT_TOO_LARGE"
	// ReasonUpstreamUnreachable: an API that could not be connected to.
	ReasonUpstreamUnreachable Reason = "UPSTREAM_UNREACHABLE"
	// ReasonUpstreamTimeout: an API that did not answer in time.
	ReasonUpstreamTimeout Reason = "UPSTREAM_TIMEOUT"
	// ReasonUpstreamReset: an API that broke the connection before its answer was complete.
	ReasonUpstreamReset Reason = "UPSTREAM_RESET"
	// ReasonUpstreamInvalidResponse: an API whose answer is not valid HTTP or not what it claims to be.
	ReasonUpstreamInvalidResponse Reason = "UPSTREAM_INVALID_RESPONSE"
	// ReasonUpstreamResponseTooLarge: an API whose answer is over the size limit.
	ReasonUpstreamResponseTooLarge Reason = "UPSTREAM_RESPONSE_TOO_LARGE"
	// ReasonOutcomeUnknown: a call that may or may not have happened, and must not be repeated blindly.
	ReasonOutcomeUnknown Reason = "OUTCOME_UNKNOWN"
	// ReasonSubscriptionNotFound: a subscription that does not exist.
	ReasonSubscriptionNotFound Reason = "SUBSCRIPTION_NOT_FOUND"
	// ReasonSubscriptionExists: a subscription id that is taken.
	ReasonSubscriptionExists Reason = "SUBSCRIPTION_EXISTS"
	// ReasonTriggerNotSupported: a trigger that this server cannot run.
	ReasonTriggerNotSupported Reason = "TRIGGER_NOT_SUPPORTED"
	// ReasonTriggerSubscribeFailed: a webhook that the API refused to register.
	ReasonTriggerSubscribeFailed Reason = "TRIGGER_SUBSCRIBE_FAILED"
	// ReasonWebhookUnknown: a webhook call to an address that nobody subscribed.
	ReasonWebhookUnknown Reason = "WEBHOOK_UNKNOWN"
	// ReasonWebhookSignatureInvalid: a webhook call whose signature does not verify.
	ReasonWebhookSignatureInvalid Reason = "WEBHOOK_SIGNATURE_INVALID"
	// ReasonWebhookSecretRequired: a webhook that cannot be trusted without a signing secret.
	ReasonWebhookSecretRequired Reason = "WEBHOOK_SECRET_REQUIRED"
	// ReasonWebhookTooLarge: a webhook call over the size limit.
	ReasonWebhookTooLarge Reason = "WEBHOOK_TOO_LARGE"
	// ReasonLimitReached: a rate, a quota or a number that is at its limit.
	ReasonLimitReached Reason = "LIMIT_REACHED"
	// ReasonCustomCodeRequired: an operation that needs the connector's own code, which this server does not run.
	ReasonCustomCodeRequired Reason = "CUSTOM_CODE_REQUIRED"
	// ReasonConnectorExists: a connector id that is taken.
	ReasonConnectorExists Reason = "CONNECTOR_EXISTS"
	// ReasonEnvironmentExists: an environment id that is taken.
	ReasonEnvironmentExists Reason = "ENVIRONMENT_EXISTS"
	// ReasonEnvironmentInUse: an environment that is not empty.
	ReasonEnvironmentInUse Reason = "ENVIRONMENT_IN_USE"
	// ReasonRevisionBreaking: a revision that breaks callers.
	ReasonRevisionBreaking Reason = "REVISION_BREAKING"
	// ReasonRevisionInUse: a revision that callers get.
	ReasonRevisionInUse Reason = "REVISION_IN_USE"
	// ReasonDefinitionInvalid: a definition that contradicts itself.
	ReasonDefinitionInvalid Reason = "DEFINITION_INVALID"
	// ReasonArchiveInvalid: a ZIP archive that cannot be unpacked.
	ReasonArchiveInvalid Reason = "ARCHIVE_INVALID"
	// ReasonSelectionEmpty: a selection that chooses nothing.
	ReasonSelectionEmpty Reason = "SELECTION_EMPTY"
	// ReasonIconNotFound: a revision without a picture.
	ReasonIconNotFound Reason = "ICON_NOT_FOUND"
	// ReasonOAuthClientNotFound: an OAuth client that does not exist.
	ReasonOAuthClientNotFound Reason = "OAUTH_CLIENT_NOT_FOUND"
	// ReasonOAuthClientExists: an id or connector that has an OAuth client already.
	ReasonOAuthClientExists Reason = "OAUTH_CLIENT_EXISTS"
	// ReasonOAuthClientMissing: a connector without an OAuth client, and a connection that brings none.
	ReasonOAuthClientMissing Reason = "OAUTH_CLIENT_MISSING"
	// ReasonOAuthSettingsInvalid: settings that do not make a sign-in.
	ReasonOAuthSettingsInvalid Reason = "OAUTH_SETTINGS_INVALID"
	// ReasonAuthorizationNotFound: a sign-in that does not exist, or is somebody else's.
	ReasonAuthorizationNotFound Reason = "AUTHORIZATION_NOT_FOUND"
	// ReasonAuthorizationFailed: a sign-in that failed, was refused or has expired.
	ReasonAuthorizationFailed Reason = "AUTHORIZATION_FAILED"
	// ReasonProviderRefused: a provider that gives no token.
	ReasonProviderRefused Reason = "PROVIDER_REFUSED"
	// ReasonProviderUnavailable: a provider without a usable answer.
	ReasonProviderUnavailable Reason = "PROVIDER_UNAVAILABLE"
	// ReasonKeyRotationNotFound: a rotation of keys that does not exist.
	ReasonKeyRotationNotFound Reason = "KEY_ROTATION_NOT_FOUND"
	// ReasonKeyUnavailable: a key management service that cannot be used.
	ReasonKeyUnavailable Reason = "KEY_UNAVAILABLE"
	// ReasonRateLimited: a limit of calls in a time that is reached.
	ReasonRateLimited Reason = "RATE_LIMITED"
	// ReasonCircuitOpen: an API that is left alone for a moment because it failed too often.
	ReasonCircuitOpen Reason = "CIRCUIT_OPEN"
	// ReasonConcurrencyLimited: too many calls of one connection at once.
	ReasonConcurrencyLimited Reason = "CONCURRENCY_LIMITED"
	// ReasonIdempotencyKeyReused: an idempotency key that was used with another input.
	ReasonIdempotencyKeyReused Reason = "IDEMPOTENCY_KEY_REUSED"
	// ReasonIdempotencyKeyInUse: an idempotency key whose call is under way or ended unknown.
	ReasonIdempotencyKeyInUse Reason = "IDEMPOTENCY_KEY_IN_USE"
	// ReasonScriptInvalid: custom code that does not compile or exports nothing.
	ReasonScriptInvalid Reason = "SCRIPT_INVALID"
	// ReasonScriptFailed: custom code that threw an error or gave no answer.
	ReasonScriptFailed Reason = "SCRIPT_FAILED"
	// ReasonScriptLimitExceeded: custom code that was stopped at a limit.
	ReasonScriptLimitExceeded Reason = "SCRIPT_LIMIT_EXCEEDED"
	// ReasonLinkInvalid: a link that was not made here for this connection.
	ReasonLinkInvalid Reason = "LINK_INVALID"
	// ReasonResponseInvalid: an answer that is not as its schema says, where that was asked for.
	ReasonResponseInvalid Reason = "RESPONSE_INVALID"
	// ReasonPolicyFailed: a policy that could not be applied to a call.
	ReasonPolicyFailed Reason = "POLICY_FAILED"
	// ReasonDynamicNotAvailable: choices or a schema that the API did not supply.
	ReasonDynamicNotAvailable Reason = "DYNAMIC_NOT_AVAILABLE"
	// ReasonCallbackUnknown: a callback URL that is not known or has ended.
	ReasonCallbackUnknown Reason = "CALLBACK_UNKNOWN"
)
