/* Signals, and reading the configuration again. */
#include "daemon.h"

#include "postrider/base/log.h"

#include <signal.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>

static void
on_signal(uv_signal_t *handle, int number)
{
	struct daemon *d = handle->data;
	if (number == SIGHUP) {
		struct pr_buf answer = {0};
		daemon_reload(d, &answer);
		pr_buf_finish(&answer);
	} else
		daemon_stop(d);
}

void
signals_open(struct daemon *d)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
	for (int i = 0; i < 3; i++) {
		uv_signal_init(pr_loop_uv(d->loop), &d->signals[i]);
		d->signals[i].data = d;
		uv_signal_start(&d->signals[i], on_signal, numbers[i]);
		uv_unref((uv_handle_t *)&d->signals[i]);
	}
}

void
signals_close(struct daemon *d)
{
	for (int i = 0; i < 3; i++)
		uv_close((uv_handle_t *)&d->signals[i], NULL);
	pr_loop_turn(d->loop); /* lets the handles go */
}

static void
add_changes(const struct pr_config *old, const struct pr_config *new_, struct pr_buf *answer)
{
	static struct pr_config_change changes[PR_CONFIG_CHANGES_MAX];
	size_t n = pr_config_diff(old, new_, changes);
	for (int restart = 0; restart < 2; restart++) {
		bool first = true;
		pr_buf_addf(answer, "%s\"%s\":[", restart ? "," : "{",
		            restart ? "needs_restart" : "changed");
		for (size_t i = 0; i < n && i < PR_CONFIG_CHANGES_MAX; i++) {
			if (changes[i].restart != (restart == 1))
				continue;
			pr_buf_adds(answer, first ? "" : ",");
			pr_buf_add_json(answer, pr_str(changes[i].key));
			first = false;
		}
		pr_buf_addc(answer, ']');
	}
	pr_buf_addc(answer, '}');
	PR_LOG(PR_LOG_INFO, "reloaded", "%zu keys changed: %s", n, answer->data);
}

int
daemon_reload(void *context, struct pr_buf *answer)
{
	struct daemon *d = context;
	struct pr_problems problems = {0};
	struct pr_config *config;
	sd_notify(0, "RELOADING=1");
	int r = daemon_load(d->config_path, &problems, &config);
	if (r < 0) {
		pr_buf_adds(answer, "{\"errors\":");
		pr_problems_json(&problems, answer);
		pr_buf_addc(answer, '}');
		PR_LOG(PR_LOG_ERROR, "reload_refused", "nothing changed: %s", answer->data);
	} else {
		add_changes(d->config, config, answer);
		pr_config_keep(config, d->config);
		struct pr_config *old = d->config;
		d->config = config;
		pr_log_setup((enum pr_log_level)config->log.level, config->log.format == 1);
		network_reload(d);
		pr_delivery_reload(d->delivery, config);
		pr_audience_use(d->intake_audience, &config->names);
		back_reload(d);
		pr_intake_reconfigure(d->intake, config);
		pr_webhooks_reload(d->webhooks, config);
		pr_conversions_reload(d->conversions, config);
		pr_engage_reload(d->engage, config);
		pr_track_reload(d->track, config);
		pr_control_reload(d->control, config);
		d->retired =
		    pr_realloc(d->retired, (d->retired_n + 1) * sizeof(struct pr_config *));
		d->retired[d->retired_n++] = old;
	}
	pr_problems_finish(&problems);
	sd_notify(0, "READY=1");
	return r;
}
