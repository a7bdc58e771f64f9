# The two commands of the README: make demo, make test. CONTRIBUTING.md has the rest.
.PHONY: demo test bench wheel soak lint docs dev clean

demo: ## build (release) and download pictures on ferrio, asyncio and uvloop
	scripts/demo.sh

test: ## everything CI runs
	scripts/test.sh

bench: ## ferrio beside asyncio and uvloop; BENCH="--quick --workloads …" narrows it
	scripts/bench.sh $(BENCH)

wheel: ## into target/wheels, with a profile of what is hot (scripts/pgo.sh; five minutes)
	scripts/build.sh "$${FERRIO_PYTHON:-3.13}" wheel

soak: ## servers killed under load, then half an hour of a mixed load on ferrio, nothing may grow; MINUTES=5 shortens the latter
	scripts/soak.sh $(MINUTES)

lint: ## format, clippy, house rules
	scripts/test.sh lint

docs: ## the site from docs/, into target/site; needs make dev
	scripts/docs.sh

dev: ## the extension with the quick profile, into .venv-VERSION
	scripts/build.sh "$${FERRIO_PYTHON:-3.13}" dev

clean:
	rm -rf target .venv-* .newer-python
