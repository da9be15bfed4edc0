// SPDX-License-Identifier: Apache-2.0
#include "device/json.h"

#include <string.h>

enum state {
    VALUE,         ///< a value has to come
    VALUE_OR_END,  ///< after `[`
    NAME_OR_END,   ///< after `{`
    NAME,          ///< after `,` in an object
    COLON,         ///< after a name
    AFTER,         ///< after a value
    TEXT,          ///< in a string
    ESCAPE,        ///< after a backslash
    HEX,           ///< in the digits of \u
    LOW,           ///< after the first half of a surrogate pair: a backslash
    LOW_U,         ///< … and its `u`
    WORD,          ///< in true, false or null
    MINUS,         ///< in a number: after its minus
    ZERO,          ///< … a leading zero, which has to be alone
    DIGITS,        ///< … integer digits
    POINT,         ///< … the point
    FRACTION,      ///< … digits after it
    EXPONENT,      ///< … e
    EXPONENT_SIGN, ///< … its sign
    EXPONENT_DIGITS,
    BAD,
};

/// A token that is longer than the buffer is of no interest: no place has such a name.
#define TOO_LONG UINT8_MAX

/// No place.
#define NONE 0xFFu

void ss_json_start(struct ss_json *json, const struct ss_json_form *form, void *context)
{
    *json = (struct ss_json){.form = form, .context = context, .state = VALUE, .next = SS_JSON_TOP};
}

static bool fail(struct ss_json *j)
{
    j->state = BAD;
    return false;
}

static bool emit(struct ss_json *j, enum ss_json_event event, const char *bytes, size_t len)
{
    return j->place >= j->form->wanted || j->form->value(j->context, j->place, event, bytes, len) || fail(j);
}

static void keep(struct ss_json *j, const char *bytes, size_t len)
{
    if (j->token_len == TOO_LONG || len > SS_JSON_TOKEN_MAX - j->token_len) {
        j->token_len = TOO_LONG;
        return;
    }
    memcpy(j->token + j->token_len, bytes, len);
    j->token_len = (uint8_t)(j->token_len + len);
}

// -- Where in the text ------------------------------------------------------------------------------------------------

static bool in_array(const struct ss_json *j)
{
    return j->depth > 0 && j->arrays >> (j->depth - 1) & 1;
}

// The place of what has this name in what is open.
static void enter(struct ss_json *j, const char *name, size_t len)
{
    j->next = NONE;
    for (unsigned i = 0; i < j->form->place_count; i++) {
        const struct ss_json_place *p = &j->form->places[i];
        if (p->parent == j->open[j->depth] && strlen(p->name) == len && memcmp(p->name, name, len) == 0)
            j->next = (uint8_t)i;
    }
}

static bool open(struct ss_json *j, bool array)
{
    if (j->depth == SS_JSON_DEPTH_MAX)
        return fail(j);
    if (!emit(j, SS_JSON_BEGIN, NULL, 0))
        return false;
    j->arrays = (j->arrays & ~(1u << j->depth)) | (uint32_t)array << j->depth;
    j->open[++j->depth] = j->next;
    j->state = array ? VALUE_OR_END : NAME_OR_END;
    return true;
}

static bool close(struct ss_json *j, bool array)
{
    if (in_array(j) != array || j->depth == 0)
        return fail(j);
    j->place = j->open[j->depth--];
    j->state = AFTER;
    return emit(j, SS_JSON_END, NULL, 0);
}

// -- Strings ----------------------------------------------------------------------------------------------------------

static bool text(struct ss_json *j, const char *bytes, size_t len)
{
    if (!j->key)
        return emit(j, SS_JSON_TEXT, bytes, len);
    keep(j, bytes, len);
    return true;
}

static bool end_text(struct ss_json *j)
{
    j->state = j->key ? COLON : AFTER;
    if (!j->key)
        return emit(j, SS_JSON_END, NULL, 0);
    if (j->token_len == TOO_LONG)
        j->next = NONE;
    else
        enter(j, j->token, j->token_len);
    return true;
}

static bool begin_text(struct ss_json *j, bool key)
{
    j->key = key;
    j->token_len = 0;
    j->state = TEXT;
    return key || emit(j, SS_JSON_BEGIN, NULL, 0);
}

// A code point, in UTF-8.
static bool character(struct ss_json *j, uint32_t c)
{
    char out[4];
    size_t len = 0;
    j->state = TEXT;
    if (c < 0x80) {
        out[len++] = (char)c;
    } else {
        if (c < 0x800) {
            out[len++] = (char)(0xC0 | c >> 6);
        } else {
            if (c < 0x10000) {
                out[len++] = (char)(0xE0 | c >> 12);
            } else {
                out[len++] = (char)(0xF0 | c >> 18);
                out[len++] = (char)(0x80 | (c >> 12 & 0x3F));
            }
            out[len++] = (char)(0x80 | (c >> 6 & 0x3F));
        }
        out[len++] = (char)(0x80 | (c & 0x3F));
    }
    return text(j, out, len);
}

// Four digits of \u are complete. Halves of surrogate pairs come in pairs only.
static bool end_unit(struct ss_json *j)
{
    uint32_t high = j->high;
    bool low = (j->unit & 0xFC00) == 0xDC00;
    j->high = 0;
    if (low != (high != 0))
        return fail(j);
    if (low)
        return character(j, 0x10000u + ((high & 0x3FFu) << 10 | (j->unit & 0x3FFu)));
    if ((j->unit & 0xFC00) != 0xD800)
        return character(j, j->unit);
    j->high = j->unit;
    j->state = LOW;
    return true;
}

static bool hex(struct ss_json *j, char c)
{
    unsigned digit;
    if (c >= '0' && c <= '9')
        digit = (unsigned)(c - '0');
    else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        digit = (unsigned)((c | 0x20) - 'a') + 10;
    else
        return fail(j);
    j->unit = (uint16_t)(j->unit << 4 | digit);
    return ++j->digits < 4 || end_unit(j);
}

static bool begin_unit(struct ss_json *j)
{
    j->state = HEX;
    j->unit = 0;
    j->digits = 0;
    return true;
}

static bool escape(struct ss_json *j, char c)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    for (unsigned i = 0; i < sizeof from - 1; i++)
        if (from[i] == c)
            return character(j, (uint8_t)to[i]);
    return c == 'u' ? begin_unit(j) : fail(j);
}

// -- Numbers and words ------------------------------------------------------------------------------------------------

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

// The state of a number after @p c; AFTER if @p c does not belong to it any more.
static enum state number(enum state state, char c)
{
    bool exponent = (c | 0x20) == 'e';
    switch (state) {
    case MINUS:
        return c == '0' ? ZERO : is_digit(c) ? DIGITS : BAD;
    case ZERO:
    case DIGITS:
        return state == DIGITS && is_digit(c) ? DIGITS : c == '.' ? POINT : exponent ? EXPONENT : AFTER;
    case POINT:
        return is_digit(c) ? FRACTION : BAD;
    case FRACTION:
        return is_digit(c) ? FRACTION : exponent ? EXPONENT : AFTER;
    case EXPONENT:
        if (c == '+' || c == '-')
            return EXPONENT_SIGN;
        return is_digit(c) ? EXPONENT_DIGITS : BAD;
    case EXPONENT_SIGN:
        return is_digit(c) ? EXPONENT_DIGITS : BAD;
    default:
        return is_digit(c) ? EXPONENT_DIGITS : AFTER;
    }
}

static bool end_token(struct ss_json *j)
{
    j->state = AFTER;
    if (j->place < j->form->wanted && j->token_len == TOO_LONG)
        return fail(j);
    return emit(j, SS_JSON_WORD, j->token, j->token_len);
}

static bool word(struct ss_json *j, char c)
{
    if (*j->word != c)
        return fail(j);
    keep(j, &c, 1);
    j->word++;
    return *j->word || end_token(j);
}

static bool begin_word(struct ss_json *j, char c)
{
    j->token_len = 0;
    if (c == '-' || is_digit(c)) {
        j->state = c == '-' ? MINUS : c == '0' ? ZERO : DIGITS;
        keep(j, &c, 1);
        return true;
    }
    j->word = c == 't' ? "true" : c == 'f' ? "false" : "null";
    j->state = WORD;
    return word(j, c);
}

// -- Structure --------------------------------------------------------------------------------------------------------

static bool begin_value(struct ss_json *j, char c)
{
    if (in_array(j))
        enter(j, "[]", 2);
    j->place = j->next;
    if (c == '{' || c == '[')
        return open(j, c == '[');
    return c == '"' ? begin_text(j, false) : begin_word(j, c);
}

static bool after(struct ss_json *j, char c)
{
    if (c == ',' && j->depth > 0) {
        j->state = in_array(j) ? VALUE : NAME;
        return true;
    }
    return c == ']' || c == '}' ? close(j, c == ']') : fail(j);
}

// One character outside strings, numbers and words.
static bool structure(struct ss_json *j, char c)
{
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
        return true;
    switch ((enum state)j->state) {
    case VALUE_OR_END:
        if (c == ']')
            return close(j, true);
        return begin_value(j, c);
    case VALUE:
        return begin_value(j, c);
    case NAME_OR_END:
    case NAME:
        if (c == '}' && j->state == NAME_OR_END)
            return close(j, false);
        return c == '"' ? begin_text(j, true) : fail(j);
    case COLON:
        if (c != ':')
            return fail(j);
        j->state = VALUE;
        return true;
    default:
        return after(j, c);
    }
}

static bool next(struct ss_json *j, char c)
{
    switch ((enum state)j->state) {
    case ESCAPE:
        return escape(j, c);
    case HEX:
        return hex(j, c);
    case LOW:
        j->state = LOW_U;
        return c == '\\' || fail(j);
    case LOW_U:
        return c == 'u' ? begin_unit(j) : fail(j);
    case WORD:
        return word(j, c);
    default:
        break;
    }
    if (j->state < MINUS)
        return structure(j, c);
    enum state state = number((enum state)j->state, c);
    j->state = (uint8_t)state;
    if (state == AFTER)
        return end_token(j) && structure(j, c);
    keep(j, &c, 1);
    return state != BAD;
}

// Bytes of a string up to something special; how many were taken.
static size_t plain_text(struct ss_json *j, const char *in, size_t len)
{
    size_t n = 0;
    while (n < len && in[n] != '"' && in[n] != '\\' && (uint8_t)in[n] >= 0x20)
        n++;
    if ((n > 0 && !text(j, in, n)) || n == len)
        return n;
    if (in[n] == '\\')
        j->state = ESCAPE;
    else if (in[n] != '"')
        fail(j);
    else
        end_text(j);
    return n + 1;
}

ss_status_t ss_json_read(struct ss_json *json, const void *in, size_t len)
{
    const char *p = in;
    for (size_t i = 0; i < len && json->state != BAD;) {
        if (json->state == TEXT)
            i += plain_text(json, p + i, len - i);
        else
            next(json, p[i++]);
    }
    return json->state == BAD ? SS_ERROR_DATA_INVALID : SS_OK;
}

ss_status_t ss_json_finish(struct ss_json *json)
{
    enum state state = (enum state)json->state;
    if (state >= MINUS && state < BAD && number(state, ' ') == AFTER)
        end_token(json); // a number alone ends where the text does
    bool whole = json->state == AFTER && json->depth == 0;
    json->state = BAD;
    return whole ? SS_OK : SS_ERROR_DATA_INVALID;
}
