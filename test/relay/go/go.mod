module oldgateway

go 1.22
