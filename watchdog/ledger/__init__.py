"""The only SQLAlchemy: drift episodes, repairs, approvals, leases, holdings, and counts that outlive what they count."""
