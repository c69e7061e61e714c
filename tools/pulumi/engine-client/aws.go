package main

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
)

// vpcs are the VPCs that the emulator has, asked without the provider.
func (c *checks) vpcs() ([]string, error) {
	form := url.Values{"Action": {"DescribeVpcs"}, "Version": {"2016-11-15"}}
	req, err := http.NewRequestWithContext(c.ctx, http.MethodPost, os.Getenv("AWS_ENDPOINT_URL"), strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	// It tells the emulator service and region; no emulator verifies the signature.
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/"+region+
		"/ec2/aws4_request, SignedHeaders=host, Signature=none")
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var found struct {
		IDs []string `xml:"vpcSet>item>vpcId"`
	}
	if err := xml.NewDecoder(answer.Body).Decode(&found); err != nil {
		return nil, fmt.Errorf("the VPCs cannot be listed: %s: %w", answer.Status, err)
	}
	// Each region has a default one.
	if len(found.IDs) == 0 {
		return nil, fmt.Errorf("no VPC is listed: %s", answer.Status)
	}
	slices.Sort(found.IDs)
	return found.IDs, nil
}
