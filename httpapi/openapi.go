package httpapi

import (
	_ "embed"
	"net/http"
)

//go:embed openapi.json
var openAPI []byte

func (a *api) document(w http.ResponseWriter, r *http.Request, _ string) error {
	if err := noQuery(r); err != nil {
		return err
	}
	_ = sendBytes(w, r, http.StatusOK, "application/json", openAPI)
	return nil
}
