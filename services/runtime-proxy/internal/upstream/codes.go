package upstream

import (
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/dotpath"
)

// knownCodes say what the names mean that APIs give to failures, where their status
// says less. They are compared in lower case without anything but letters and
// digits. Sources: Google (API errors and google.rpc.Code), AWS (common errors of
// the query and JSON protocols, S3, DynamoDB), Microsoft Graph and Azure Resource
// Manager, Salesforce, Stripe, Square, PayPal, RFC 6750.
var knownCodes = map[string]string{
	"ratelimitexceeded": reasonRateLimited, "userratelimitexceeded": reasonRateLimited, "quotaexceeded": reasonRateLimited,
	"dailylimitexceeded": reasonRateLimited, "resourceexhausted": reasonRateLimited, "ratelimit": reasonRateLimited,
	"ratelimited": reasonRateLimited, "throttling": reasonRateLimited, "throttlingexception": reasonRateLimited,
	"throttled": reasonRateLimited, "throttledexception": reasonRateLimited, "requestthrottled": reasonRateLimited,
	"toomanyrequests": reasonRateLimited, "toomanyrequestsexception": reasonRateLimited, "requestlimitexceeded": reasonRateLimited,
	"provisionedthroughputexceededexception": reasonRateLimited, "slowdown": reasonRateLimited, "prioritydispatch": reasonRateLimited,
	"activitylimitreached": reasonRateLimited, "subscriptionrequeststhrottled": reasonRateLimited, "limitexceededexception": reasonRateLimited,

	"expiredtoken": reasonUnauthenticated, "expiredtokenexception": reasonUnauthenticated, "invalidtoken": reasonUnauthenticated,
	"invalidclienttokenid": reasonUnauthenticated, "unrecognizedclientexception": reasonUnauthenticated,
	"signaturedoesnotmatch": reasonUnauthenticated, "invalidsignatureexception": reasonUnauthenticated,
	"invalidaccesskeyid": reasonUnauthenticated, "missingauthenticationtoken": reasonUnauthenticated,
	"invalidauthenticationtoken": reasonUnauthenticated, "expiredauthenticationtoken": reasonUnauthenticated,
	"unauthenticated": reasonUnauthenticated, "invalidsessionid": reasonUnauthenticated, "autherror": reasonUnauthenticated,
	"apikeyinvalid": reasonUnauthenticated,

	"accessdenied": reasonDenied, "accessdeniedexception": reasonDenied, "unauthorizedoperation": reasonDenied,
	"permissiondenied": reasonDenied, "authorizationfailed": reasonDenied, "insufficientscope": reasonDenied,
	"insufficientaccess": reasonDenied, "notauthorized": reasonDenied,

	"resourcenotfoundexception": reasonNotFound, "nosuchkey": reasonNotFound, "nosuchbucket": reasonNotFound,
	"resourcenotfound": reasonNotFound, "resourcemissing": reasonNotFound, "itemnotfound": reasonNotFound, "notfound": reasonNotFound,

	"conditionalcheckfailedexception": reasonConflict, "conflictexception": reasonConflict, "resourceinuseexception": reasonConflict,
	"alreadyexists": reasonConflict, "aborted": reasonConflict, "conflict": reasonConflict, "unabletolockrow": reasonConflict,
	"transactionconflictexception": reasonConflict, "concurrentmodificationexception": reasonConflict,

	// What is wrong is what was sent, such as a card, and not what the account may do:
	// 402 is said for both.
	"carddeclined": reasonBadRequest, "carderror": reasonBadRequest, "genericdecline": reasonBadRequest,
	"insufficientfunds": reasonBadRequest, "expiredcard": reasonBadRequest, "incorrectcvc": reasonBadRequest,
	"incorrectnumber": reasonBadRequest, "instrumentdeclined": reasonBadRequest, "paymentdeclined": reasonBadRequest,
	"transactionrefused": reasonBadRequest, "paymentmethoderror": reasonBadRequest,

	"serviceunavailable": reasonUnavailable, "servicenotavailable": reasonUnavailable, "serverbusy": reasonUnavailable,
	"servicenotavailableexception": reasonUnavailable, "serverunavailable": reasonUnavailable,
}

// abortedCodes are of conflicts between calls at the same time, which the same call may
// not meet again (google.rpc.Code: ABORTED).
var abortedCodes = [...]string{
	"aborted", "unabletolockrow", "transactionconflictexception", "concurrentmodificationexception",
}

// aborted reports whether the body has one of these codes.
func (b *errorBody) aborted() bool {
	return eachCode(b.json, 0, func(code string) bool { return slices.Contains(abortedCodes[:], folded(code)) })
}

// codeKeys are where codes are found, the most specific first.
var codeKeys = [...]string{
	"reason", "code", "errorCode", "errorcode", "error_code", "__type", "Code", "status", "type", "error",
	"details", "errors", "odata.error", "fault", "detail", "Error", "innerError", "innererror",
}

// reason returns the reason that a code in the body stands for, "" for none.
func (b *errorBody) reason() string {
	if b.markup != nil {
		return knownCodes[folded(markupCode(b.markup))]
	}
	found := ""
	eachCode(b.json, 0, func(code string) bool {
		found = knownCodes[folded(code)]
		return found != ""
	})
	return found
}

// codeIn returns the first code of a value as it is; "" for none.
func codeIn(v jsontext.Value, depth int) (first string) {
	eachCode(v, depth, func(code string) bool {
		first = code
		return true
	})
	return first
}

// eachCode visits codes until visit returns true.
func eachCode(v jsontext.Value, depth int, visit func(string) bool) bool {
	if depth > maxSearch {
		return false
	}
	switch v.Kind() {
	case '"':
		return depth > 0 && visit(plain(v))
	case '[':
		for i, item := range items(v) {
			if i < maxParts && item.Kind() != '"' && eachCode(item, depth+1, visit) {
				return true
			}
		}
	case '{':
		fields := fieldsOf(v)
		for _, key := range codeKeys {
			if value, ok := fields[key]; ok && eachCode(value, depth+1, visit) {
				return true
			}
		}
	default: // numbers mostly repeat the status
	}
	return false
}

// folded makes codes comparable. AWS puts a namespace before a "#", and a URL
// behind a ":".
func folded(code string) string {
	if _, after, ok := strings.Cut(code, "#"); ok {
		code = after
	}
	code, _, _ = strings.Cut(code, ":")
	if len(code) > 64 {
		return ""
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return -1
	}, code)
}

// retryDelay returns the wait of a google.rpc.RetryInfo, or of the members
// retry_after (Discord, Telegram) and retryAfterSeconds; 0 for none.
func (b *errorBody) retryDelay() time.Duration {
	if b.json.Kind() != '{' {
		return 0
	}
	for _, path := range [...]string{
		"retry_after", "parameters.retry_after", "retryAfter", "error.retry_after", "retryAfterSeconds", "error.retryAfterSeconds",
	} {
		if value, ok := dotpath.Find(b.json, path); ok {
			if seconds, ok := number(textOf(value)); ok {
				return bounded(seconds)
			}
		}
	}
	details, ok := dotpath.Find(b.json, "error.details")
	if !ok || details.Kind() != '[' {
		return 0
	}
	for _, detail := range items(details) {
		if value, ok := dotpath.Find(detail, "retryDelay"); ok {
			if d, err := time.ParseDuration(textOf(value)); err == nil {
				return min(max(d, 0), maxRetryAfter)
			}
		}
	}
	return 0
}
