// libFuzzer target: an expression of a rule and what a user's data are, as JSON in a form of bytes.
// It is refused with a reason, or can be asked: evaluation ends; as a filter it becomes a sound
// predicate whose normal form selects what it selects, and rights that agree with it. The first
// byte chooses where the expression stands and the class. Seeds: the expressions of the recorded
// applications.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fuzz/query_world.hpp"
#include "query/evaluation/evaluate.hpp"
#include "query/printing/print.hpp"
#include "query/sql/sql.hpp"
#include "query/tree/normal_form.hpp"
#include "query/tree/soundness.hpp"
#include "rules/filter.hpp"
#include "rules/rights.hpp"

using namespace realmsync;

namespace {

void require(bool condition) {
    if (!condition)
        std::abort();
}

constexpr std::array kClasses = {"Person", "Dog", "Shop", "Token"};
constexpr std::array kUses = {rules::Use::filter, rules::Use::apply_when, rules::Use::partition,
                              rules::Use::can_evaluate};

// JSON with extended constants: a byte for the kind, then its bytes. What is cut off is null.
class Bytes {
  public:
    Bytes(const std::uint8_t* data, std::size_t size) : data_(data), left_(size) {}

    std::uint8_t byte() {
        std::uint8_t value = 0;
        take(&value, 1);
        return value;
    }

    model::Value value(int depth = 0) {
        constexpr int kDeepest = 110; // deeper than expressions may be
        using model::Value;
        const std::uint8_t kind = byte();
        switch (depth > kDeepest ? 0 : kind % 13) {
        case 1: return Value(true);
        case 2: return Value(false);
        case 3: return Value(std::int64_t{static_cast<std::int8_t>(byte())});
        case 4: return Value(fixed<double>());
        case 5:
        case 6: return Value(text());
        case 7: {
            Value list = Value::empty(Type::list);
            for (int count = byte(); count > 0 && left_ > 0; --count)
                list.list()->items.push_back(value(depth + 1));
            return list;
        }
        case 8: {
            Value object = Value::empty(Type::dictionary);
            for (int count = byte(); count > 0 && left_ > 0; --count) {
                std::string key = text();
                object.dictionary()->items.insert_or_assign(std::move(key), value(depth + 1));
            }
            return object;
        }
        case 9: return Value(fixed<ObjectId>());
        case 10: return Value(fixed<Uuid>());
        case 11: return Value(Timestamp{byte(), 0});
        case 12: return Value(fixed<Decimal128>());
        default: return {};
        }
    }

  private:
    void take(void* out, std::size_t size) {
        const std::size_t taken = std::min(size, left_);
        std::memcpy(out, data_, taken);
        data_ += taken;
        left_ -= taken;
    }
    template <class T> T fixed() {
        T value{};
        take(&value, sizeof value);
        return value;
    }
    std::string text() {
        std::string text(std::min<std::size_t>(byte(), left_), '\0');
        take(text.data(), text.size());
        return text;
    }

    const std::uint8_t* data_;
    std::size_t left_;
};

rules::Context context_of(model::Value custom_data) {
    rules::Context context;
    context.user = model::Value::empty(Type::dictionary);
    auto& user = context.user.dictionary()->items;
    user.emplace("id", model::Value(std::string("65f000000000000000000001")));
    user.emplace("custom_data", std::move(custom_data));
    context.partition = model::Value(std::int64_t{1});
    return context;
}

void check_evaluation(const rules::Expression& expression, const rules::Context& context) {
    std::vector<std::optional<model::Value>> results;
    for (rules::Call& call : expression.calls(context)) {
        require(!call.function.empty());
        results.emplace_back(call.arguments.empty() ? model::Value(true)
                                                    : std::move(call.arguments.front()));
    }
    require(results.empty() == expression.functions().empty());
    const bool is_true = expression.evaluate(context, results);
    require(is_true == expression.evaluate(context, results));
}

void check_filter(const rules::Expression& filter, const rules::Context& context,
                  const model::Class& cls, fuzz::World& world) {
    query::Query query;
    query.schema = world.schema();
    query.cls = &cls;
    query.predicate = rules::expand(filter, context, cls);
    require(query::unsoundness(query).empty());
    require(!query::print(query).empty());
    query::to_sql(query.predicate);
    query::to_sql(query.predicate, {query::Dialect::postgresql, true});

    const query::PredicatePtr normal = query::normalize(query.predicate);
    const rules::Role role{filter, filter, true, true, {}, {}, {}, {}};
    const rules::ClassRights rights(&role, context, world.schema(), cls);
    require(rights.identity() ==
            rules::ClassRights(&role, context, world.schema(), cls).identity());
    const query::Image& full = world.object(cls);
    query::Run run(world);
    for (const query::Image& object : {full, query::Image{full.cls, full.key}}) {
        const bool matches = query::Evaluator(query).matches(object, run);
        require(query::Evaluator(world.schema(), normal).matches(object, run) == matches);
        require(rights.on(object, run).is_visible == matches);
        require(rights.may_insert(object, run) == matches);
        require(rights.may_update(object, object, {}, run) == matches);
        require(rights.may_delete(object, run) == matches);
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static fuzz::World world;
    Bytes bytes(data, size);
    const std::uint8_t choice = bytes.byte();
    const rules::Use use = kUses[choice % kUses.size()];
    const rules::Context context = context_of(bytes.value());
    const model::Value json = bytes.value();
    try {
        const rules::Expression expression(json, use);
        check_evaluation(expression, context);
        if (use == rules::Use::filter)
            for (const char* cls : kClasses)
                check_filter(expression, context, *world.schema()->find(cls), world);
    } catch (const rules::ExpressionFault& fault) {
        require(std::string_view(fault.what()).size() > 0);
    } catch (const query::QueryFault& fault) { // too much work
        require(fault.kind() == query::FaultKind::limit);
    }
    return 0;
}
