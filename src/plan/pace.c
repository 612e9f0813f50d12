/* How fast a site may go: each limit as messages a ms, the least of them holds. */
#include "internal.h"

#include "postrider/shaping/shape.h"

#include <math.h>

static void
bound(struct pace *p, double per_ms, enum pr_plan_limit limit)
{
	if (per_ms < p->per_ms)
		*p = (struct pace){per_ms, limit};
}

static void
bound_rate(struct pace *p, struct pr_rate rate, double each, enum pr_plan_limit limit)
{
	if (rate.count)
		bound(p, each * rate.count / rate.period_ms, limit);
}

/* As the adaptive limit rises (shaping/shape.h): with all connections busy one more each
 * PR_SHAPE_RISE round trips. */
static double
connections(const struct pr_plan_input *in, const struct pr_shaping_policy *policy, double for_ms)
{
	double most = (double)in->connections;
	if (!policy)
		return most;
	most = fmin(most, (double)policy->connections.n);
	double grown = (double)policy->start.n + for_ms / (PR_SHAPE_RISE * in->round_trip_ms);
	return for_ms < 0 ? most : fmin(most, grown);
}

struct pace
plan_pace_site(const struct pr_plan_input *in, const struct pr_shaping_policy *policy,
               double for_ms)
{
	struct pace p = {connections(in, policy, for_ms) / in->round_trip_ms, PR_PLAN_CONNECTIONS};
	if (!policy)
		return p;
	bound_rate(&p, policy->message_rate.rate, 1, PR_PLAN_MESSAGE_RATE);
	if (policy->messages.n)
		bound_rate(&p, policy->connection_rate.rate, (double)policy->messages.n,
		           PR_PLAN_CONNECTION_RATE);
	return p;
}

struct pace
plan_pace_group(const struct pr_plan_input *in, const struct pr_shaping_policy *policy)
{
	struct pace p = {INFINITY, PR_PLAN_NONE};
	if (!policy)
		return p;
	if (policy->provider_connections.n)
		bound(&p, (double)policy->provider_connections.n / in->round_trip_ms,
		      PR_PLAN_PROVIDER_CONNECTIONS);
	bound_rate(&p, policy->provider_message_rate.rate, 1, PR_PLAN_PROVIDER_MESSAGE_RATE);
	return p;
}

struct pace
plan_pace_all(const struct pr_plan_input *in)
{
	struct pace p = {(double)in->connections_all / in->round_trip_ms, PR_PLAN_CONNECTIONS_ALL};
	bound_rate(&p, in->rate, 1, PR_PLAN_RATE);
	return p;
}

enum pr_plan_limit
pr_plan_pace(const struct pr_plan_input *in, const struct pr_plan_group *group, double *rate)
{
	struct pace site = plan_pace_site(in, group->policy, -1);
	struct pace shared = plan_pace_group(in, group->policy);
	struct pace p = shared.per_ms < site.per_ms ? shared : site;
	*rate = p.per_ms * PR_SECOND_MS;
	return p.limit;
}

const char *
pr_plan_limit_name(enum pr_plan_limit limit)
{
	static const char *const names[PR_PLAN_LIMITS] = {
	    [PR_PLAN_NONE] = "",
	    [PR_PLAN_RATE] = "rate",
	    [PR_PLAN_CONNECTIONS_ALL] = "max_connections",
	    [PR_PLAN_CONNECTIONS] = "connections",
	    [PR_PLAN_MESSAGE_RATE] = "message_rate",
	    [PR_PLAN_CONNECTION_RATE] = "connection_rate",
	    [PR_PLAN_PROVIDER_CONNECTIONS] = "provider_connections",
	    [PR_PLAN_PROVIDER_MESSAGE_RATE] = "provider_message_rate",
	    [PR_PLAN_DAILY] = "daily",
	    [PR_PLAN_WARM_UP] = "warm_up"};
	return names[limit];
}
