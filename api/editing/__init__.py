"""Changes before and after they hold: drafts, checks, repairs, replays, and what they are told as."""
