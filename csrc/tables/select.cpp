#include "tables/select.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>
#include <span>

#include "query/evaluation/evaluate.hpp"
#include "query/sql/sql.hpp"
#include "query/tree/needs.hpp"
#include "tables/columns.hpp"
#include "tables/row_graph.hpp"

namespace realmsync::tables {

namespace {

using query::Clause;
using query::Limit;
using query::PredicatePtr;
using query::Query;
using query::Sort;

// A filter, and the clauses behind it.
struct Stage {
    PredicatePtr predicate; // null: everything
    std::vector<Clause> clauses;
};

bool is_sort(const Clause& clause) { return std::holds_alternative<Sort>(clause); }

// A query, with those that it stands on, as one filter of rows and what is then done to them.
struct Plan {
    PredicatePtr predicate; // asked of rows, by SQL and by the evaluator
    query::SqlCondition condition;
    std::optional<std::string> order;    // of SQL; else that of creation
    std::optional<std::uint64_t> most;   // rows that are wanted
    std::vector<Stage> stages;           // what is left to do afterwards, in memory
    std::vector<std::size_t> properties; // of the rows, for the residual and for the stages
    query::Needs needs;
};

PredicatePtr all_of(std::vector<PredicatePtr> members) {
    if (members.size() == 1)
        return members.front();
    return std::make_shared<query::Predicate>(
        query::Predicate{query::Group{.conjunction = true, .members = std::move(members)}});
}

// Filters that stand behind nothing but sorts are asked first of all, as one.
void merge_filters(const Query& query, Plan& plan) {
    std::vector<const Query*> chain;
    for (const Query* q = &query; q != nullptr; q = q->of.get())
        chain.push_back(q);
    std::vector<PredicatePtr> filters;
    bool is_first = true; // nothing but sorts so far
    for (auto q = chain.rbegin(); q != chain.rend(); ++q) {
        if (is_first)
            filters.push_back((*q)->predicate);
        if (!is_first || plan.stages.empty())
            plan.stages.push_back({is_first ? nullptr : (*q)->predicate, {}});
        std::vector<Clause>& clauses = plan.stages.back().clauses;
        clauses.insert(clauses.end(), (*q)->clauses.begin(), (*q)->clauses.end());
        is_first = is_first && std::all_of(clauses.begin(), clauses.end(), is_sort);
    }
    plan.predicate = all_of(std::move(filters));
}

// Sorts at the beginning, and a limit behind them, are SQL's where it orders as the language does.
void take_order(Plan& plan, const query::SqlOptions& options) {
    std::vector<Clause>& clauses = plan.stages.front().clauses;
    const auto end = std::find_if_not(clauses.begin(), clauses.end(), is_sort);
    Sort order; // the last one counts most, and the others among what it finds equal
    for (auto i = std::make_reverse_iterator(end); i != clauses.rend(); ++i) {
        const Sort& sort = std::get<Sort>(*i);
        order.keys.insert(order.keys.end(), sort.keys.begin(), sort.keys.end());
    }
    if (!order.keys.empty()) {
        plan.order = query::order_by(order, options);
        if (!plan.order)
            return;
        clauses.erase(clauses.begin(), end);
    }
    if (clauses.empty() || !std::holds_alternative<Limit>(clauses.front()))
        return;
    plan.most = std::get<Limit>(clauses.front()).count;
    clauses.erase(clauses.begin());
}

bool is_done(const Stage& stage) { return !stage.predicate && stage.clauses.empty(); }

Plan make_plan(const Tables& tables, const Query& query, Means means) {
    Plan plan;
    const query::SqlOptions options{query::Dialect::sqlite, tables.layout() == Layout::server};
    merge_filters(query, plan);
    if (means == Means::sql) {
        take_order(plan, options);
        plan.condition = query::to_sql(plan.predicate, options);
    } else {
        plan.condition = {"1", {}, {plan.predicate}};
    }
    std::erase_if(plan.stages, is_done);
    auto add = [&](const query::Needs& more) {
        plan.needs.follows_mixed = plan.needs.follows_mixed || more.follows_mixed;
        for (const auto& [cls, properties] : more.properties)
            plan.needs.properties[cls].insert(properties.begin(), properties.end());
    };
    for (const PredicatePtr& predicate : plan.condition.residual)
        add(query::needs_of(*predicate));
    const PredicatePtr everything =
        std::make_shared<query::Predicate>(query::Predicate{query::Truth{true}});
    for (const Stage& stage : plan.stages)
        add(query::needs_of(Query{query.schema, query.cls,
                                  stage.predicate ? stage.predicate : everything, stage.clauses,
                                  nullptr}));
    if (auto found = plan.needs.properties.find(query.cls); found != plan.needs.properties.end())
        plan.properties.assign(found->second.begin(), found->second.end());
    return plan;
}

std::string sql_of(Tables& tables, const model::Class& cls, const Plan& plan) {
    std::string sql = "SELECT t." + quote(cls.key_column) + ", " +
                      (tables.has_numbers(cls) ? std::string("t.") + quote(kOrderColumn) : "NULL");
    for (const std::size_t property : plan.properties)
        sql += std::string(", t.") + quote(cls.properties[property].column);
    sql += " FROM " + from_partition(tables, cls) + " AND " + plan.condition.text;
    if (plan.order)
        sql += " ORDER BY " + *plan.order + ", " + creation_order(tables, cls);
    return sql;
}

void bind(sqlite::Statement& statement, int index, const query::SqlParameter& parameter,
          Scratch& scratch) {
    LinkTarget target;
    const Scalar value = parameter.value.view(target);
    if (parameter.form == query::SqlParameter::Form::blob)
        bind_date_bytes(statement, index, value.timestamp, scratch);
    else
        bind_scalar(statement, index, *parameter.property, value, scratch);
}

// The order of rows by their numbers and keys; nothing when they came so.
std::optional<std::vector<std::uint32_t>> by_creation(const model::KeyList& keys,
                                                      const std::vector<std::int64_t>& numbers) {
    std::vector<std::uint32_t> order(numbers.size());
    std::iota(order.begin(), order.end(), 0U);
    auto is_before = [&](std::uint32_t a, std::uint32_t b) {
        if (numbers[a] != numbers[b])
            return numbers[a] < numbers[b];
        return model::is_less(keys.at(a), keys.at(b));
    };
    if (std::is_sorted(order.begin(), order.end(), is_before))
        return std::nullopt;
    std::sort(order.begin(), order.end(), is_before);
    return order;
}

class Run {
  public:
    Run(Tables& tables, std::int64_t partition, const Query& query, Means means)
        : tables_(tables), partition_(partition), query_(query),
          plan_(make_plan(tables, query, means)),
          graph_(tables, partition, query.schema, plan_.needs), run_(graph_),
          keys_(query.cls->key_type) {
        if (!plan_.condition.residual.empty())
            residual_.emplace(query.schema, all_of(plan_.condition.residual));
    }

    model::KeyList run() {
        if (plan_.most == 0)
            return std::move(keys_);
        fetch();
        std::optional<std::vector<std::uint32_t>> order;
        if (!plan_.order)
            order = by_creation(keys_, numbers_);
        const bool is_cut = plan_.most && *plan_.most < keys_.size();
        if (!order && (is_cut || !plan_.stages.empty())) {
            order.emplace(keys_.size());
            std::iota(order->begin(), order->end(), 0U);
        }
        if (is_cut)
            order->resize(static_cast<std::size_t>(*plan_.most));
        if (!plan_.stages.empty())
            work_off(*order);
        if (order)
            keys_.reorder(*order);
        return std::move(keys_);
    }

  private:
    void fetch() {
        const model::Class& cls = *query_.cls;
        sqlite::Query row = tables_.db().query(sql_of(tables_, cls, plan_));
        int index = bind_partition(tables_, *row, partition_);
        Scratch scratch;
        for (const query::SqlParameter& parameter : plan_.condition.parameters)
            bind(*row, index++, parameter, scratch);
        std::vector<model::Value> values;
        while (row.step()) {
            const Key key = read_key(*row, 0, cls.key_type);
            read_values(*row, 2, *query_.schema, cls, plan_.properties, values);
            if (residual_ && !residual_->matches({&cls, key, values.data(), values.size()}, run_))
                continue;
            graph_.trim();
            keys_.append(key);
            if (!plan_.order)
                numbers_.push_back(row->is_null(1) ? std::numeric_limits<std::int64_t>::min()
                                                   : row->integer(1));
            if (!plan_.stages.empty())
                rows_.push_back(std::exchange(values, {}));
            if (plan_.order && plan_.most && keys_.size() == *plan_.most)
                return;
        }
    }

    // Later filters, and clauses that SQL does not have.
    void work_off(std::vector<std::uint32_t>& order) {
        std::vector<query::Image> images;
        for (std::size_t i = 0; i < rows_.size(); ++i)
            images.push_back({query_.cls, keys_.at(i), rows_[i].data(), rows_[i].size()});
        std::vector<std::size_t> selected(order.begin(), order.end());
        for (const Stage& stage : plan_.stages) {
            if (stage.predicate) {
                const query::Evaluator evaluator(query_.schema, stage.predicate);
                std::erase_if(selected,
                              [&](std::size_t at) { return !evaluator.matches(images[at], run_); });
            }
            query::apply_clauses(stage.clauses, query_.schema, images, run_, selected);
        }
        order.clear();
        for (const std::size_t at : selected)
            order.push_back(static_cast<std::uint32_t>(at));
    }

    Tables& tables_;
    const std::int64_t partition_;
    const Query& query_;
    const Plan plan_;
    RowGraph graph_;
    query::Run run_;
    std::optional<query::Evaluator> residual_;
    model::KeyList keys_;
    std::vector<std::int64_t> numbers_;           // beside keys_, unless SQL orders
    std::vector<std::vector<model::Value>> rows_; // beside keys_, for the stages
};

} // namespace

model::KeyList select(Tables& tables, std::int64_t partition, const Query& query, Means means) {
    return Run(tables, partition, query, means).run();
}

model::KeyList select_among(Tables& tables, std::int64_t partition, const Query& query,
                            const model::KeyList& members) {
    RowGraph graph(tables, partition, query.schema, query::needs_of(query)); // keeps the images
    std::vector<query::Image> images;
    for (std::size_t i = 0; i < members.size(); ++i)
        if (const query::Image* image = graph.target(*query.cls, members.at(i)))
            images.push_back(*image);
    model::KeyList keys(query.cls->key_type);
    for (const std::size_t at : query::select(query, images, graph))
        keys.append(images[at].key);
    return keys;
}

std::string statement(Tables& tables, const Query& query) {
    return sql_of(tables, *query.cls, make_plan(tables, query, Means::sql));
}

std::vector<std::string> explain(Tables& tables, const Query& query) {
    sqlite::Query row = tables.db().query("EXPLAIN QUERY PLAN " + statement(tables, query));
    std::vector<std::string> steps;
    while (row.step())
        steps.push_back(row->string(3));
    return steps;
}

} // namespace realmsync::tables
